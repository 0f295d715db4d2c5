/** Endpoints that somebody began to work on and that nobody holds: found, and looked up. */
import type { ChangeRecordContent } from '../domain/change-record.ts';
import { type EndpointOrder, type EndpointPlan } from '../domain/cycle.ts';
import type { Evidence } from '../domain/evidence.ts';
import {
  type OpenState,
  type OrphanOrder,
  type OrphanRecord,
  type WorkflowStanding,
  judgeHold,
  lateEffectsEndInSeconds,
  openStates,
} from '../domain/reconciliation.ts';
import { planOf } from './install-plans.ts';
import { clientIds } from './left-work.ts';
import type { Database, Tenants } from './ports/database.ts';
import type { WorkflowsPort } from './ports/workflows.ts';
import { openCycleOf, referenceTo } from './rows.ts';

/** More are left for the next round: a workflow's history and children have limits. */
const orphansAtMost = 200;

export function reconciliationActivities({ tenants, workflows }: { tenants: Tenants; workflows: WorkflowsPort }) {
  return {
    /** Endpoints that somebody began, or was about to, and that nobody holds now. */
    async findOrphans(): Promise<readonly OrphanOrder[]> {
      const standing = remembering(workflows);
      const orphans: OrphanOrder[] = [];
      for (const clientId of await clientIds(tenants)) {
        const rows = await tenants.forClient(clientId).cycleEndpoint.findMany({
          where: { state: { in: [...openStates] }, ring: { not: null } },
          include: { endpoint: true },
          orderBy: [{ endpointId: 'asc' }, { startedAt: 'asc' }],
        });
        for (const row of rows) {
          if (orphans.length === orphansAtMost) return orphans;
          const { cycleId, endpointId } = row;
          const [endpoint, ring, catchUp] = await Promise.all([
            standing(`endpoint/${clientId}/${endpointId}`),
            standing(`ring/${cycleId}/${row.ring}`),
            standing(`catch-up/${cycleId}/${endpointId}`),
          ]);
          const state = row.state as OpenState;
          const { held, because } = judgeHold({ state, endpoint, ring, catchUp });
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
    },

    /** What is on record of it, read again by whoever holds it now; null when somebody has brought it to an end. */
    async openOrphan({ order }: { order: EndpointOrder }): Promise<OrphanRecord | null> {
      const { cycleId, endpointId } = order;
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      const row = await db.cycleEndpoint.findUniqueOrThrow({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        include: { endpoint: true },
      });
      const state = openStates.find((open) => open === row.state);
      if (!state) return null;
      const generation = row.generation ?? row.endpoint.generation;
      const begun = { ...(await planOf(db, policy, cycleId, endpointId)), generation };
      const plan = await recordedPlan(db, { ...begun, snapshotId: row.snapshotId ?? begun.snapshotId }, order);
      return {
        state,
        plan,
        before: await recordedBefore(db, order, generation),
        snapshotId: await usableSnapshot(db, row.snapshotId ?? plan.snapshotId),
        restoreOrdered: restoreWasOrdered(row),
        cycleEnded: cycle.state !== 'running',
      };
    },
  };
}

/** Asks for each workflow once: a ring is the ring of many endpoints. */
function remembering(workflows: WorkflowsPort): (workflowId: string) => Promise<WorkflowStanding> {
  const known = new Map<string, Promise<WorkflowStanding>>();
  return (workflowId) => {
    const asked = known.get(workflowId) ?? workflows.standing(workflowId);
    known.set(workflowId, asked);
    return asked;
  };
}

/** Whoever puts an endpoint back raises its generation first. */
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
  { cycleId, endpointId }: EndpointOrder,
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

/** What was true before the work that was begun in that generation; what was seen in an older one is of another machine. */
async function recordedBefore(
  db: Database,
  { cycleId, endpointId }: EndpointOrder,
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
