/** Cycles and orders whose workflow is gone: found, and brought to the record of an end. */
import {
  type CycleKind,
  type CycleOrder,
  type CycleTrigger,
  type EndpointOrder,
  type RollBackOrder,
  steps,
} from '../domain/cycle.ts';
import type { Target } from '../domain/halt.ts';
import { judgeCycleClosing, judgeOrderLeft, judgeStragglerLeft, openStates } from '../domain/reconciliation.ts';
import { appendAudit } from './audit-trail.ts';
import type { Tenants } from './ports/database.ts';
import type { WorkflowsPort } from './ports/workflows.ts';
import { openCycleOf, referenceTo } from './rows.ts';

/** More are left for the next round. */
const leftAtMost = 200;

/** A cycle that is closed in place of its workflow. */
export type LeftCycle = {
  readonly order: CycleOrder;
  readonly state: 'failed' | 'cancelled';
  readonly because: readonly string[];
};

/** An order to roll back whose workflow is gone. */
export type LeftRollBack = {
  readonly order: RollBackOrder;
  /** Endpoints that it had not begun, or that have come to an end. */
  readonly leave: readonly string[];
  readonly because: readonly string[];
};

export function leftWorkActivities({ tenants, workflows }: { tenants: Tenants; workflows: WorkflowsPort }) {
  return {
    /** Cycles that are on record as running, whose workflow is gone, and whose endpoints have come to an end. */
    async findLeftCycles(): Promise<readonly LeftCycle[]> {
      const left: LeftCycle[] = [];
      for (const clientId of await clientIds(tenants)) {
        const db = tenants.forClient(clientId);
        const cycles = await db.cycle.findMany({ where: { state: 'running' }, include: { policyVersion: true } });
        for (const cycle of cycles) {
          const workflow = await workflows.standing(cycle.id);
          const underWay = await db.cycleEndpoint.count({
            where: { cycleId: cycle.id, state: { in: openStates.filter((state) => state !== 'unknown') } },
          });
          const closing = judgeCycleClosing({ workflow, underWay });
          if (closing.as === null) continue;
          const order: CycleOrder = {
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
          left.push({ order, state: closing.as, because: closing.because });
        }
      }
      return left;
    },

    /** Endpoints with a deadline whose catch-up is gone. */
    async findLeftStragglers(): Promise<readonly EndpointOrder[]> {
      const left: EndpointOrder[] = [];
      for (const clientId of await clientIds(tenants)) {
        const rows = await tenants.forClient(clientId).cycleEndpoint.findMany({
          where: { state: 'waiting', ring: { not: null }, deadlineAt: { not: null }, escalatedAt: null },
          include: { endpoint: true },
          orderBy: [{ endpointId: 'asc' }, { cycleId: 'asc' }],
        });
        for (const row of rows) {
          if (left.length === leftAtMost) return left;
          const { cycleId, endpointId } = row;
          const ring = row.ring ?? '';
          const standings = {
            ring: await workflows.standing(`ring/${cycleId}/${ring}`),
            catchUp: await workflows.standing(`catch-up/${cycleId}/${endpointId}`),
          };
          if (judgeStragglerLeft(standings)) left.push({ ...referenceTo(row.endpoint), cycleId, clientId, ring });
        }
      }
      return left;
    },

    /** Orders to roll back that nobody carries out. What they have begun is finished; what they have not stays patched. */
    async findLeftRollBacks(): Promise<readonly LeftRollBack[]> {
      const left: LeftRollBack[] = [];
      for (const clientId of await clientIds(tenants)) {
        const db = tenants.forClient(clientId);
        for (const row of await db.rollBackOrder.findMany({ where: { endedAt: null } })) {
          const { id: orderId, cycleId, because } = row;
          const workflow = await workflows.standing(orderId);
          const orderedAt = row.orderedAt.toISOString();
          const judged = judgeOrderLeft({ workflow, orderedAt }, new Date().toISOString());
          if (!judged.left) continue;
          const untouched = await db.cycleEndpoint.findMany({
            where: { cycleId, state: { not: 'rolling back' } },
            select: { endpointId: true },
          });
          const target = { scope: row.scope, subject: row.subject } as Target;
          const word = { who: row.orderedBy, why: row.reason };
          left.push({
            order: { orderId, cycleId, clientId, target, word, because },
            leave: untouched.map(({ endpointId }) => endpointId),
            because: [`${judged.because.join('; ')}: nobody else was put back`],
          });
        }
      }
      return left;
    },

    /** Says at the step the cycle was at, or came to next, why it went no further. False when it has been closed since. */
    async endSteps({ order, because }: Pick<LeftCycle, 'order' | 'because'>): Promise<boolean> {
      const { cycleId, clientId } = order;
      const { db, cycle } = await openCycleOf(tenants, cycleId);
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
    },
  };
}

export async function clientIds(tenants: Tenants): Promise<readonly string[]> {
  const clients = await tenants.everybody.client.findMany({ select: { id: true }, orderBy: { id: 'asc' } });
  return clients.map(({ id }) => id);
}
