/**
 * The end of snapshots and sandboxes: what exists is compared with what is recorded, and what nothing needs is removed.
 */
import { type SnapshotComparison, compareSandboxes, compareSnapshots } from '../../domain/snapshots/leaks.ts';
import { type SnapshotToDelete, snapshotsToDelete } from '../../domain/snapshots/retention.ts';
import { appendAudit } from '../../record/audit.ts';
import {
  listedEndpoints,
  noteLeaks,
  recordComparison,
  recordGone,
  snapshotEntry,
} from '../../record/snapshots/findings.ts';
import type { Database, Tenants, Transaction } from '../../record/database.ts';
import type { WorkflowsPort } from '../ports/workflows.ts';
import { recordedSnapshots, sandboxOrigins, snapshotOrigins } from '../../record/snapshots/origins.ts';
import { siteTaskQueue } from '../../domain/ids.ts';
import type { SiteToCleanUp } from '../../domain/rollout/cycle.ts';
import type { ListedSnapshots, Removal } from '../../domain/snapshots/inventory.ts';
import { bound } from '../bound.ts';

/** Endpoints whose snapshots are looked at together. */
const pageSize = 100;
/** A page asks for everything of its endpoints in one transaction, which others may have to wait for. */
const transactionOptions = { timeout: 60_000, maxWait: 30_000 };

type Ports = {
  readonly tenants: Tenants;
  readonly workflows: WorkflowsPort;
};

export function retentionActivities(ports: Ports) {
  return bound(ports, {
    sitesToCleanUp,
    endpointsToCleanUp,
    reconcileSnapshots,
    recordSnapshotsDeleted,
    reconcileSandboxes,
    recordSandboxesDestroyed,
  });
}

async function sitesToCleanUp({ tenants }: Ports): Promise<readonly SiteToCleanUp[]> {
  const clients = await tenants.everybody.client.findMany({ select: { id: true }, orderBy: { id: 'asc' } });
  const ofEach = await Promise.all(
    clients.map(({ id }) =>
      tenants.forClient(id).site.findMany({ where: { retiredAt: null }, orderBy: { id: 'asc' } }),
    ),
  );
  return ofEach.flat().map(({ id, clientId }) => ({ clientId, siteId: id, taskQueue: siteTaskQueue(id) }));
}

/** The next endpoints of a site that have ever been called, the retired among them: their snapshots are still there. */
async function endpointsToCleanUp(
  { tenants }: Ports,
  {
    site,
    after,
  }: {
    site: SiteToCleanUp;
    after: string | null;
  },
): Promise<readonly string[]> {
  const rows = await tenants.forClient(site.clientId).endpoint.findMany({
    where: { siteId: site.siteId, enrolledAt: { not: null }, ...(after === null ? {} : { id: { gt: after } }) },
    select: { id: true },
    orderBy: { id: 'asc' },
    take: pageSize,
  });
  return rows.map(({ id }) => id);
}

/**
 * Compares what exists with what is recorded, and orders the deletion of what nothing needs. The order is on record
 * before anything is deleted, so that after a crash it is carried out by the next clean-up.
 */
async function reconcileSnapshots(
  { tenants }: Ports,
  {
    site,
    listed,
    listedAt,
  }: {
    site: SiteToCleanUp;
    listed: readonly ListedSnapshots[];
    listedAt: string;
  },
): Promise<readonly SnapshotToDelete[]> {
  const db = tenants.forClient(site.clientId);
  const endpointIds = listedEndpoints(listed);
  if (endpointIds.length === 0) return [];
  const compared = await comparison(db, listed, listedAt);
  await db.$transaction((tx) => recordComparison(tx, site, listed, compared), transactionOptions);
  return orderDeletions(db, site, endpointIds);
}

async function recordSnapshotsDeleted(
  { tenants }: Ports,
  {
    site,
    removals,
  }: {
    site: SiteToCleanUp;
    removals: readonly Removal[];
  },
): Promise<void> {
  const at = new Date();
  await tenants.forClient(site.clientId).$transaction(async (tx) => {
    for (const { name, failedBecause } of removals) {
      if (failedBecause !== null)
        await tx.snapshotRecord.updateMany({
          where: { id: name, deletedAt: null },
          data: { because: [`it could not be deleted: ${failedBecause}`] },
        });
    }
    const gone = removals.filter(({ failedBecause }) => failedBecause === null).map(({ name }) => name);
    await recordGone(tx, site, gone, at);
  }, transactionOptions);
}

/** Says which clones are of tests that have ended, and keeps a note of those that are on no record. */
async function reconcileSandboxes(
  { tenants, workflows }: Ports,
  {
    site,
    found,
  }: {
    site: SiteToCleanUp;
    found: readonly string[];
  },
): Promise<readonly string[]> {
  const { clientId } = site;
  const db = tenants.forClient(clientId);
  // One driver may serve several clients: each looks after its own.
  const others = (await tenants.everybody.client.findMany({ select: { id: true } }))
    .map(({ id }) => id)
    .filter((id) => id !== clientId);
  const own = found.filter((sandboxId) => !others.some((id) => sandboxId.endsWith(`.${id}`)));
  const { destroy, leaks } = compareSandboxes(own, await sandboxOrigins(db, workflows, clientId, own));
  const noted = leaks.map(({ sandboxId, because }) => ({
    id: `sandbox ${sandboxId}`,
    name: sandboxId,
    endpointId: null,
    because,
  }));
  await db.$transaction((tx) => noteLeaks(tx, site, 'sandbox', noted), transactionOptions);
  return destroy.map(({ sandboxId }) => sandboxId);
}

async function recordSandboxesDestroyed(
  { tenants }: Ports,
  {
    site,
    removals,
  }: {
    site: SiteToCleanUp;
    removals: readonly Removal[];
  },
): Promise<void> {
  const at = new Date().toISOString();
  await tenants.forClient(site.clientId).$transaction((tx) =>
    appendAudit(
      tx,
      site.clientId,
      removals.map(({ name, failedBecause }) => ({
        key: `${name} ${failedBecause === null ? 'destroyed' : 'not destroyed'}`,
        at,
        actor: 'patchcycle',
        action: failedBecause === null ? 'destroy left sandbox' : 'escalate',
        subject: name,
        because: [failedBecause ?? 'its test had ended'],
      })),
    ),
  );
}

async function comparison(
  db: Database,
  listed: readonly ListedSnapshots[],
  listedAt: string,
): Promise<SnapshotComparison> {
  const listings = listed.map(({ endpointId, snapshots }) => ({
    endpointId,
    snapshotIds: snapshots?.map(({ snapshotId }) => snapshotId) ?? null,
  }));
  const recorded = await recordedSnapshots(
    db,
    listings.map(({ endpointId }) => endpointId),
  );
  const compared = compareSnapshots({ recorded, listings, listedAt, origins: new Map() });
  if (compared.leaks.length === 0) return compared;
  // Reading every change record takes long: only for endpoints where something is on no record.
  const origins = await snapshotOrigins(db, [...new Set(compared.leaks.map(({ endpointId }) => endpointId))]);
  return compareSnapshots({ recorded, listings, listedAt, origins });
}

/**
 * Orders, endpoint by endpoint, the deletion of what nothing needs. The endpoint's rows are locked while that is
 * decided: a transaction that starts work on it comes before, and the snapshot stays, or after, and finds its deletion
 * ordered.
 */
async function orderDeletions(
  db: Database,
  site: SiteToCleanUp,
  endpointIds: readonly string[],
): Promise<readonly SnapshotToDelete[]> {
  const now = new Date();
  const firstLook = snapshotsToDelete(await recordedSnapshots(db, endpointIds), now.toISOString());
  const ordered: SnapshotToDelete[] = [];
  for (const endpointId of new Set(firstLook.map((one) => one.endpointId)))
    ordered.push(...(await db.$transaction((tx) => orderDeletionsOf(tx, site, endpointId, now), transactionOptions)));
  return ordered;
}

async function orderDeletionsOf(
  tx: Transaction,
  { clientId }: SiteToCleanUp,
  endpointId: string,
  now: Date,
): Promise<readonly SnapshotToDelete[]> {
  await tx.$queryRaw`SELECT 1 FROM "CycleEndpoint" WHERE "endpointId" = ${endpointId} FOR UPDATE`;
  const recorded = await recordedSnapshots(tx, [endpointId]);
  const due = snapshotsToDelete(recorded, now.toISOString());
  const before = new Set(recorded.filter((one) => one.deletionOrderedAt !== null).map((one) => one.snapshotId));
  const fresh = due.filter(({ snapshotId }) => !before.has(snapshotId));
  for (const { snapshotId: id, because } of fresh)
    await tx.snapshotRecord.update({ where: { id }, data: { deletionOrderedAt: now, because: [...because] } });
  await appendAudit(
    tx,
    clientId,
    fresh.map(({ snapshotId, because }) => snapshotEntry(snapshotId, 'order deletion of snapshot', because, now)),
  );
  return due;
}
