/** Cycles and orders whose workflow is gone: found, and brought to the record of an end. */
import { ringWorkflowId, catchUpWorkflowId } from '../../domain/ids.ts';
import type { CycleKind, CycleInput, CycleTrigger, EndpointInput, RollbackOrder } from '../../domain/rollout/cycle.ts';
import type { Target } from '../../domain/rollout/halt.ts';
import {
  judgeCycleClosing,
  judgeRollbackOrphaned,
  judgeStragglerOrphaned,
  openStates,
} from '../../domain/rollout/reconciliation.ts';
import { appendAudit } from '../../record/audit.ts';
import type { Tenants } from '../../record/database.ts';
import type { WorkflowsPort } from '../ports/workflows.ts';
import { readCycle, referenceTo, clientIds } from '../../record/cycle.ts';
import { steps } from '../../domain/rollout/steps.ts';
import { bound } from '../bound.ts';

/** More are left for the next round. */
const orphansAtMost = 200;

/** A cycle that is closed in place of its workflow. */
export type OrphanedCycle = {
  readonly input: CycleInput;
  readonly state: 'failed' | 'cancelled';
  readonly because: readonly string[];
};

/** An order to roll back whose workflow is gone. */
export type OrphanedRollback = {
  readonly order: RollbackOrder;
  /** Endpoints that it had not begun, or that have come to an end. */
  readonly untouched: readonly string[];
  readonly because: readonly string[];
};

type Ports = { tenants: Tenants; workflows: WorkflowsPort };

export function orphanedWorkActivities(ports: Ports) {
  return bound(ports, {
    findOrphanedCycles,
    findOrphanedStragglers,
    findOrphanedRollbacks,
    endSteps,
  });
}

/** Cycles that are on record as running, whose workflow is gone, and whose endpoints have come to an end. */
async function findOrphanedCycles({ tenants, workflows }: Ports): Promise<readonly OrphanedCycle[]> {
  const orphaned: OrphanedCycle[] = [];
  for (const clientId of await clientIds(tenants)) {
    const db = tenants.forClient(clientId);
    const cycles = await db.cycle.findMany({ where: { state: 'running' }, include: { policyVersion: true } });
    for (const cycle of cycles) {
      const workflow = await workflows.status(cycle.id);
      const underWay = await db.cycleEndpoint.count({
        where: { cycleId: cycle.id, state: { in: openStates.filter((state) => state !== 'unknown') } },
      });
      const closing = judgeCycleClosing({ workflow, underWay });
      if (closing.as === null) continue;
      const input: CycleInput = {
        cycleId: cycle.id,
        clientId,
        policyName: cycle.policyVersion.name,
        kind: cycle.kind as CycleKind,
        advisory: cycle.advisory,
        trigger: cycle.trigger as CycleTrigger,
        startedBy: cycle.startedBy,
        civilDate: cycle.civilDate,
        number: cycle.number,
      };
      orphaned.push({ input, state: closing.as, because: closing.because });
    }
  }
  return orphaned;
}

/** Endpoints with a deadline whose catch-up is gone. */
async function findOrphanedStragglers({ tenants, workflows }: Ports): Promise<readonly EndpointInput[]> {
  const orphaned: EndpointInput[] = [];
  for (const clientId of await clientIds(tenants)) {
    const rows = await tenants.forClient(clientId).cycleEndpoint.findMany({
      where: { state: 'waiting', ring: { not: null }, deadlineAt: { not: null }, escalatedAt: null },
      include: { endpoint: true },
      orderBy: [{ endpointId: 'asc' }, { cycleId: 'asc' }],
    });
    for (const row of rows) {
      if (orphaned.length === orphansAtMost) return orphaned;
      const { cycleId } = row;
      const ring = row.ring ?? '';
      const statuses = {
        ring: await workflows.status(ringWorkflowId({ cycleId, ring })),
        catchUp: await workflows.status(catchUpWorkflowId(row)),
      };
      if (judgeStragglerOrphaned(statuses)) orphaned.push({ ...referenceTo(row.endpoint), cycleId, clientId, ring });
    }
  }
  return orphaned;
}

/**
 * Orders to roll back that no workflow carries out. What they have begun is finished; what they have not stays patched.
 */
async function findOrphanedRollbacks({ tenants, workflows }: Ports): Promise<readonly OrphanedRollback[]> {
  const orphaned: OrphanedRollback[] = [];
  for (const clientId of await clientIds(tenants)) {
    const db = tenants.forClient(clientId);
    for (const row of await db.rollBackOrder.findMany({ where: { endedAt: null } })) {
      const { id: orderId, cycleId, because } = row;
      const workflow = await workflows.status(orderId);
      const orderedAt = row.orderedAt.toISOString();
      const judged = judgeRollbackOrphaned({ workflow, orderedAt }, new Date().toISOString());
      if (!judged.orphaned) continue;
      const untouched = await db.cycleEndpoint.findMany({
        where: { cycleId, state: { not: 'rolling back' } },
        select: { endpointId: true },
      });
      const target = { scope: row.scope, subject: row.subject } as Target;
      const signOff = { who: row.orderedBy, why: row.reason };
      orphaned.push({
        order: { orderId, cycleId, clientId, target, signOff, because },
        untouched: untouched.map(({ endpointId }) => endpointId),
        because: [`${judged.because.join('; ')}: no further endpoint was rolled back`],
      });
    }
  }
  return orphaned;
}

/** Says at the step the cycle was at, or came to next, why it went no further. False when it has been closed since. */
async function endSteps(
  { tenants }: Ports,
  { input, because }: Pick<OrphanedCycle, 'input' | 'because'>,
): Promise<boolean> {
  const { cycleId, clientId } = input;
  const { db, cycle } = await readCycle(tenants, cycleId);
  if (cycle.state !== 'running') return false;
  const at = new Date();
  const failed = { state: 'failed', endedAt: at, because: [...because] };
  await db.$transaction(async (tx) => {
    const rows = await tx.cycleStep.findMany({ where: { cycleId } });
    const reached = rows.filter((row) => row.state === 'running').map((row) => row.step);
    const next = steps.find((step) => !rows.some((row) => row.step === step));
    for (const step of reached.length > 0 ? reached : next ? [next] : []) {
      const key = { cycleId, step };
      await tx.cycleStep.upsert({
        where: { cycleId_step: key },
        create: { ...key, clientId, startedAt: at, ...failed },
        update: failed,
      });
    }
    await appendAudit(tx, clientId, [
      {
        key: `${cycleId} left`,
        at: at.toISOString(),
        actor: 'patchcycle',
        action: 'close cycle for its workflow',
        subject: cycleId,
        because,
      },
    ]);
  });
  return true;
}
