/** What is recorded of a client's snapshots and of what was found on no record, for those who ask: the command line. */
import type { Tenants } from '../record/database.ts';
import { recordedSnapshots } from '../record/snapshots/origins.ts';
import { type SnapshotKeeping, judgeSnapshot } from '../domain/snapshots/retention.ts';
import { nameIn } from '../domain/ids.ts';

export type KeptSnapshot = SnapshotKeeping & {
  readonly snapshotId: string;
  readonly endpoint: string;
  readonly cycleId: string;
  readonly takenAt: string | null;
  /** When it was found gone though no one had ordered that; null while it is there. */
  readonly missingSinceAt: string | null;
};

export type FoundLeak = {
  readonly kind: 'snapshot' | 'sandbox';
  readonly name: string;
  /** Of a snapshot; a sandbox has its site alone. */
  readonly endpoint: string | null;
  readonly site: string;
  readonly foundAt: string;
  readonly because: string;
};

/**
 * Every snapshot of a client that is not deleted, until when it is kept and why, and what the last clean-up found on no
 * record.
 */
export async function readSnapshots(
  { tenants }: { readonly tenants: Tenants },
  clientId: string,
): Promise<{ readonly snapshots: readonly KeptSnapshot[]; readonly leaks: readonly FoundLeak[] }> {
  const db = tenants.forClient(clientId);
  const now = new Date().toISOString();
  const snapshots = (await recordedSnapshots(db, null)).map((recorded) => {
    const { snapshotId, endpointId, cycleId, takenAt, missingSinceAt } = recorded;
    const kept = judgeSnapshot(recorded, now);
    return { snapshotId, endpoint: nameIn(endpointId), cycleId, takenAt, missingSinceAt, ...kept };
  });
  const leaks = await db.leak.findMany({ where: { goneAt: null }, orderBy: { foundAt: 'asc' } });
  return {
    snapshots,
    leaks: leaks.map(({ kind, name, endpointId, siteId, foundAt, because }) => ({
      kind: kind as FoundLeak['kind'],
      name,
      endpoint: endpointId && nameIn(endpointId),
      site: nameIn(siteId),
      foundAt: foundAt.toISOString(),
      because,
    })),
  };
}
