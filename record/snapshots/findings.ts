/** What is on no record, and what is on record and gone: noted, and told to a person once. */
import type { SnapshotComparison } from '../../domain/snapshots/leaks.ts';
import { type AuditEntry, appendAudit } from '../audit.ts';
import type { Transaction } from '../database.ts';
import type { SiteToCleanUp } from '../../domain/rollout/cycle.ts';
import type { ListedSnapshots } from '../../domain/snapshots/inventory.ts';

type Found = {
  readonly id: string;
  readonly name: string;
  readonly endpointId: string | null;
  readonly because: string;
};

/** Puts on record what a comparison found. */
export async function recordComparison(
  tx: Transaction,
  site: SiteToCleanUp,
  listed: readonly ListedSnapshots[],
  { leaks, missing, foundAgain, gone, stillThere }: SnapshotComparison,
): Promise<void> {
  const at = new Date();
  const takenAt = new Map(
    listed.flatMap(({ snapshots }) => (snapshots ?? []).map((one) => [one.snapshotId, new Date(one.takenAt)])),
  );
  const ours = leaks.flatMap((leak) => (leak.origin === null ? [] : [{ ...leak, cycleId: leak.origin }]));
  await tx.snapshotRecord.createMany({
    skipDuplicates: true,
    data: ours.map(({ snapshotId: id, endpointId, cycleId, because }) => {
      const { clientId } = site;
      return { id, clientId, cycleId, endpointId, takenAt: takenAt.get(id) ?? null, because: [because] };
    }),
  });
  const strange = leaks
    .filter((leak) => leak.origin === null)
    .map(({ endpointId, snapshotId: name, because }) => ({
      id: `snapshot ${endpointId} ${name}`,
      name,
      endpointId,
      because,
    }));
  await noteLeaks(tx, site, 'snapshot', strange, listedEndpoints(listed));
  for (const { snapshotId: id, because } of missing)
    await tx.snapshotRecord.updateMany({ where: { id }, data: { missingSinceAt: at, because: [because] } });
  await tx.snapshotRecord.updateMany({
    where: { id: { in: [...foundAgain] } },
    data: { missingSinceAt: null, because: [] },
  });
  await tx.snapshotRecord.updateMany({ where: { id: { in: [...stillThere] } }, data: { deletedAt: null } });
  await recordGone(tx, site, gone, at);
  await appendAudit(tx, site.clientId, [
    ...ours.map((leak) => snapshotEntry(leak.snapshotId, 'record found snapshot', [leak.because], at)),
    ...missing.map((one) => snapshotEntry(one.snapshotId, 'escalate', [one.because], at)),
  ]);
}

/** Keeps a note of each thing that is on no record, tells of it once, and closes the notes of what is gone. */
export async function noteLeaks(
  tx: Transaction,
  { clientId, siteId }: SiteToCleanUp,
  kind: 'snapshot' | 'sandbox',
  leaks: readonly Found[],
  endpointIds?: readonly string[],
): Promise<void> {
  const at = new Date();
  const there = leaks.map(({ id }) => id);
  const ofThisPlace = { siteId, ...(endpointIds ? { endpointId: { in: [...endpointIds] } } : {}) };
  await tx.leak.updateMany({
    where: { ...ofThisPlace, kind, goneAt: null, id: { notIn: there } },
    data: { goneAt: at },
  });
  // One driver may serve several sites, and all of them find the same.
  const noted = await tx.leak.findMany({ where: { id: { in: there }, goneAt: null } });
  const known = new Set(noted.map(({ id }) => id));
  const found = leaks.filter(({ id }) => !known.has(id));
  for (const leak of found) {
    const row = { ...leak, clientId, siteId, kind, foundAt: at, goneAt: null };
    await tx.leak.upsert({ where: { id: leak.id }, create: row, update: row });
  }
  await appendAudit(
    tx,
    clientId,
    found.map(({ id, because }) => snapshotEntry(id, 'escalate', [because], at)),
  );
}

/** Puts on record that snapshots are gone whose deletion was ordered. */
export async function recordGone(
  tx: Transaction,
  site: SiteToCleanUp,
  ids: readonly string[],
  at: Date,
): Promise<void> {
  await tx.snapshotRecord.updateMany({
    where: { id: { in: [...ids] }, deletedAt: null },
    data: { deletedAt: at, missingSinceAt: null },
  });
  const entries = ids.map((id) => snapshotEntry(id, 'delete snapshot', ['nothing needs it any more'], at));
  await appendAudit(tx, site.clientId, entries);
}

export function snapshotEntry(name: string, action: string, because: readonly string[], at: Date): AuditEntry {
  return {
    key: `${name} ${action} ${at.toISOString()}`,
    at: at.toISOString(),
    actor: 'patchcycle',
    action,
    subject: name,
    because,
  };
}

/** Endpoints whose driver said what there is: of the others nothing is known. */
export function listedEndpoints(listed: readonly ListedSnapshots[]): readonly string[] {
  return listed.filter(({ snapshots }) => snapshots !== null).map(({ endpointId }) => endpointId);
}
