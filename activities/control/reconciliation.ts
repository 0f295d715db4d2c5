/** Endpoints that somebody began to work on and that nobody holds: found, and looked up. */
import { endpointWorkflowId, ringWorkflowId, catchUpWorkflowId } from '../../domain/ids.ts';
import type { ChangeRecordContent } from '../../domain/patches/change-record.ts';
import { type EndpointInput, type EndpointPlan } from '../../domain/rollout/cycle.ts';
import type { Evidence } from '../../domain/endpoints/evidence.ts';
import {
  type OpenState,
  type OrphanedEndpoint,
  type OrphanedEndpointRecord,
  type WorkflowStatus,
  judgeLockHolder,
  lateEffectsEndInSeconds,
  openStates,
} from '../../domain/rollout/reconciliation.ts';
import type { Database, Tenants } from '../../record/database.ts';
import type { WorkflowsPort } from '../ports/workflows.ts';
import { readCycle, referenceTo, clientIds } from '../../record/cycle.ts';
import { planOf } from '../../record/endpoints/plans.ts';
import { bound } from '../bound.ts';

/** More are left for the next round: a workflow's history and children have limits. */
const orphansAtMost = 200;

type Ports = { tenants: Tenants; workflows: WorkflowsPort };

export function reconciliationActivities(ports: Ports) {
  return bound(ports, {
    findOrphanedEndpoints,
    openOrphanedEndpoint,
  });
}

/** Endpoints on which work was begun, or about to be, and that no workflow holds now. */
async function findOrphanedEndpoints({ tenants, workflows }: Ports): Promise<readonly OrphanedEndpoint[]> {
  const statusOf = askedOnce(workflows);
  const orphans: OrphanedEndpoint[] = [];
  for (const clientId of await clientIds(tenants)) {
    const rows = await tenants.forClient(clientId).cycleEndpoint.findMany({
      where: { state: { in: [...openStates] }, ring: { not: null } },
      include: { endpoint: true },
      orderBy: [{ endpointId: 'asc' }, { startedAt: 'asc' }],
    });
    for (const row of rows) {
      if (orphans.length === orphansAtMost) return orphans;
      const { cycleId } = row;
      const [endpoint, ring, catchUp] = await Promise.all([
        statusOf(endpointWorkflowId(row)),
        statusOf(ringWorkflowId({ cycleId, ring: row.ring ?? '' })),
        statusOf(catchUpWorkflowId(row)),
      ]);
      const state = row.state as OpenState;
      const { held, because } = judgeLockHolder({ state, endpoint, ring, catchUp });
      if (held) continue;
      const now = Date.now();
      const quietIn = lateEffectsEndInSeconds(endpoint, new Date(now).toISOString());
      orphans.push({
        ...referenceTo(row.endpoint),
        cycleId,
        clientId,
        ring: row.ring ?? '',
        state,
        because,
        quietFromAt: new Date(now + quietIn * 1000).toISOString(),
        restoreOrdered: restoreWasOrdered(row),
      });
    }
  }
  return orphans;
}

/** What is on record of it, read again by the workflow that holds it now; null when it has been brought to an end. */
async function openOrphanedEndpoint(
  { tenants }: Ports,
  { input }: { input: EndpointInput },
): Promise<OrphanedEndpointRecord | null> {
  const { cycleId, endpointId } = input;
  const { db, cycle, policy } = await readCycle(tenants, cycleId);
  const row = await db.cycleEndpoint.findUniqueOrThrow({
    where: { cycleId_endpointId: { cycleId, endpointId } },
    include: { endpoint: true },
  });
  const state = openStates.find((open) => open === row.state);
  if (!state) return null;
  const generation = row.generation ?? row.endpoint.generation;
  const begun = { ...(await planOf(db, policy, cycleId, endpointId)), generation };
  const plan = await recordedPlan(db, { ...begun, snapshotId: row.snapshotId ?? begun.snapshotId }, input);
  return {
    state,
    plan,
    before: await recordedBefore(db, input, generation),
    snapshotId: await usableSnapshot(db, row.snapshotId ?? plan.snapshotId),
    restoreOrdered: restoreWasOrdered(row),
    cycleEnded: cycle.state !== 'running',
  };
}

/** Asks for each workflow once: a ring is the ring of many endpoints. */
function askedOnce(workflows: WorkflowsPort): (workflowId: string) => Promise<WorkflowStatus> {
  const known = new Map<string, Promise<WorkflowStatus>>();
  return (workflowId) => {
    const asked = known.get(workflowId) ?? workflows.status(workflowId);
    known.set(workflowId, asked);
    return asked;
  };
}

/** A restore raises the endpoint's generation first. */
function restoreWasOrdered(row: {
  readonly generation: number | null;
  readonly endpoint: { readonly generation: number };
}): boolean {
  return row.generation !== null && row.endpoint.generation > row.generation;
}

/** The plan as the newest change record that names the endpoint has it: rows may have changed since it was begun. */
async function recordedPlan(
  db: Database,
  plan: EndpointPlan,
  { cycleId, endpointId }: EndpointInput,
): Promise<EndpointPlan> {
  const records = await db.changeRecord.findMany({ where: { cycleId }, orderBy: { writtenAt: 'desc' } });
  const named = records
    .flatMap((record) => (record.content as unknown as ChangeRecordContent).rings)
    .flatMap((ring) => ring.endpoints)
    .find((endpoint) => endpoint.endpointId === endpointId);
  if (!named) return { ...plan, patches: [] };
  return {
    ...plan,
    planDigest: named.planDigest,
    patches: named.patches.map(({ package: name, architecture, from, to }) => ({
      package: name,
      architecture,
      from,
      to,
    })),
  };
}

/**
 * What was true before the work that was begun in that generation; what was seen in an older one is of another machine.
 */
async function recordedBefore(
  db: Database,
  { cycleId, endpointId }: EndpointInput,
  generation: number,
): Promise<Evidence | null> {
  const rows = await db.evidence.findMany({
    where: { cycleId, endpointId, kind: 'before' },
    orderBy: { takenAt: 'desc' },
  });
  const seen = rows.map((row) => row.content as unknown as Evidence);
  return seen.find((evidence) => evidence.generation === generation) ?? null;
}

async function usableSnapshot(db: Database, id: string): Promise<string | null> {
  const usable = { id, verifiedAt: { not: null }, deletionOrderedAt: null, deletedAt: null };
  return (await db.snapshotRecord.findFirst({ where: usable }))?.id ?? null;
}
