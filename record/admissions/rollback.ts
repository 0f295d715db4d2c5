/** Which endpoints of an order to roll back may be rolled back now: one lock and one question for each site. */
import type { Tenants, Transaction } from '../database.ts';
import type { RollbackOrder, RollbackAdmission } from '../../domain/rollout/cycle.ts';
import { readCycle, referenceTo } from '../cycle.ts';
import { membersIn } from '../orders/targets.ts';
import { siteLoad } from './load.ts';
import { rollbackProgress } from '../../domain/rollout/rollback.ts';
import { admit, lookAgainInSeconds } from '../../domain/rollout/admission.ts';
import { columnsAfter } from '../../domain/endpoints/saga.ts';
import type { Criticality } from '../../domain/policies/policy.ts';
import { type Row, rollbackRows, toRollbackMember } from '../orders/rollbacks.ts';
import { lockSite, siteLockOptions } from '../sites/lock.ts';

/** How often it is looked whether others have freed a site's budget, or ended their work on an endpoint. */
const lookAgainSeconds = 15;
const hourMilliseconds = 60 * 60 * 1000;

type SiteQuestion = {
  readonly siteId: string;
  readonly rings: readonly string[];
  readonly inFlight: readonly string[];
  readonly tried: readonly string[];
  readonly atMost: number;
};

export async function admitRollbacksAtSite(
  tenants: Tenants,
  order: RollbackOrder,
  { siteId, rings, inFlight, tried, atMost }: SiteQuestion,
): Promise<RollbackAdmission> {
  const { cycleId, clientId } = order;
  const { db, cycle, policy } = await readCycle(tenants, cycleId);
  const where = { AND: [membersIn(cycle, order.target), { siteId }] };
  const groups = (await rollbackRows(db, where)).map((row) => row.endpoint.redundancyGroup);
  return db.$transaction(async (tx) => {
    await lockSite(tx, siteId, groups);
    const rows = await rollbackRows(tx, where);
    const site = await tx.site.findUniqueOrThrow({ where: { id: siteId } });
    const mine = rows.filter((row) => row.state === 'rolling back' && row.rollBackOrderId === order.orderId);
    // Admitted by a call whose answer was lost: told again, so that they are started.
    const lost = mine.filter((row) => !inFlight.includes(row.endpointId));
    const { next, awaited } = rollbackProgress(
      rows.map((row) => toRollbackMember(row, tried)),
      rings,
    );
    const now = new Date().toISOString();
    const { disturbed, siteBudget, siteSize } = await siteLoad(tx, { cycleId, policy, site, groups });
    const rolledBack = await rolledBackIn(tx, cycleId);
    const decided = admit({
      now,
      candidates: rows.filter((row) => next.includes(row.endpointId)).map((row) => candidateOf(row, order, now)),
      // One that was rolled back works as before: it is no reason to leave its neighbours as they are.
      disturbed: disturbed.filter((each) => each.disturbance !== 'failed' || !rolledBack.has(each.endpointId)),
      emergencies: [],
      siteBudget,
      siteSize,
    });
    const starts = decided.start.slice(0, Math.max(0, atMost - lost.length)).map(({ endpointId }) => endpointId);
    const started = rows.filter((row) => starts.includes(row.endpointId));
    for (const row of started) await putUnderOrder(tx, row, order);
    const others = awaited.filter((endpointId) => !mine.some((row) => row.endpointId === endpointId));
    const anyInFlight = started.length + mine.length > 0;
    const waits = lookAgainInSeconds(decided.waiting, { now, anyInFlight, budgetSeconds: lookAgainSeconds });
    const more = others.length > 0 || starts.length < decided.start.length;
    return {
      start: [...lost, ...started].map((row) => ({
        ...referenceTo(row.endpoint),
        cycleId,
        clientId,
        ring: row.ring ?? '',
      })),
      lookAgainInSeconds: more ? Math.min(lookAgainSeconds, waits ?? lookAgainSeconds) : waits,
      inWords: [
        ...others.map((endpointId) => `${endpointId} is worked on, and is rolled back after it`),
        ...decided.waiting.map(({ endpointId, because }) => `${endpointId} waits: ${because.join('; ')}`),
      ],
    };
  }, siteLockOptions);
}

/** It was ordered for now: no window and no halt keeps it, and what is restored from outside need not answer. */
function candidateOf({ endpointId, endpoint }: Row, { signOff }: RollbackOrder, now: string) {
  const closesAt = new Date(Date.parse(now) + hourMilliseconds).toISOString();
  return {
    endpointId,
    online: true,
    windows: [{ opensAt: now, closesAt, words: `ordered by ${signOff.who} (${signOff.why})` }],
    criticality: endpoint.criticality as Criticality,
    redundancyGroup: endpoint.redundancyGroup,
    expectedMinutes: 0,
    halted: null,
  };
}

async function rolledBackIn(tx: Transaction, cycleId: string): Promise<ReadonlySet<string>> {
  const rows = await tx.cycleEndpoint.findMany({ where: { cycleId, outcome: 'rolled_back' } });
  return new Set(rows.map((row) => row.endpointId));
}

/** From here on the endpoint is the order's to roll back. */
async function putUnderOrder(tx: Transaction, { endpointId, reasons }: Row, order: RollbackOrder): Promise<void> {
  await tx.cycleEndpoint.update({
    where: { cycleId_endpointId: { cycleId: order.cycleId, endpointId } },
    data: {
      ...columnsAfter(['patched'], 'rolling back'),
      rollBackOrderId: order.orderId,
      reasons: [...reasons, rollbackInWords(order)],
    },
  });
}

/** What people read of an endpoint while an order to roll back is at work on it. */
export function rollbackInWords({ orderId, signOff }: RollbackOrder): string {
  return `is rolled back by order of ${signOff.who}: ${signOff.why} (${orderId})`;
}
