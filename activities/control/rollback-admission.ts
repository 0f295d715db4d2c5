/** Which endpoints are rolled back now, by an order to roll back: under each site's budget, as any other work. */
import type { EndpointInput, RollbackAdmission, RollbackOrder } from '../../domain/rollout/cycle.ts';
import { columnsAfter } from '../../domain/endpoints/saga.ts';
import type { Tenants } from '../../record/database.ts';
import { readCycle } from '../../record/cycle.ts';
import { membersIn, ringNames } from '../../record/orders/targets.ts';
import { grouped } from '../../domain/grouped.ts';
import { admitRollbacksAtSite, rollbackInWords } from '../../record/admissions/rollback.ts';
import { rollbackRows } from '../../record/orders/rollbacks.ts';
import { bound } from '../bound.ts';

const inFlightAtMost = 200;

/** An operator reads the first few; the rest is counted. */
const linesShownAtMost = 20;

type Ports = { tenants: Tenants };

export function rollbackAdmissionActivities(ports: Ports) {
  return bound(ports, {
    admitRollbacks,
    withdrawRollback,
  });
}

/**
 * Decides, site by site, which endpoints are rolled back now: the newest ring first, under the site's budget, never two
 * of one redundancy group together. Admitting again after a lost answer admits the same again.
 */
async function admitRollbacks(
  { tenants }: Ports,
  {
    order,
    inFlight,
    tried,
  }: {
    order: RollbackOrder;
    inFlight: readonly string[];
    /** Those that this order could not roll back: they are not tried again. */
    tried: readonly string[];
  },
): Promise<RollbackAdmission> {
  const { db, cycle } = await readCycle(tenants, order.cycleId);
  const rings = await ringNames(db, cycle);
  const sites = grouped(await rollbackRows(db, membersIn(cycle, order.target)), (row) => row.siteId);
  const start: EndpointInput[] = [];
  const inWords: string[] = [];
  const again: number[] = [];
  for (const siteId of [...sites.keys()].toSorted()) {
    const atMost = inFlightAtMost - inFlight.length - start.length;
    const at = await admitRollbacksAtSite(tenants, order, { siteId, rings, inFlight, tried, atMost });
    start.push(...at.start);
    inWords.push(...at.inWords);
    if (at.lookAgainInSeconds !== null) again.push(at.lookAgainInSeconds);
  }
  return {
    start,
    lookAgainInSeconds: again.length === 0 ? null : Math.min(...again),
    inWords: [`${inFlight.length + start.length} endpoints are rolled back`, ...inWords.slice(0, linesShownAtMost)],
  };
}

/** Takes back an admission that led to nothing: the endpoint is as patched as it was. */
async function withdrawRollback(
  { tenants }: Ports,
  { order, endpointId }: { order: RollbackOrder; endpointId: string },
): Promise<void> {
  const { cycleId } = order;
  const db = tenants.forClient(order.clientId);
  const row = await db.cycleEndpoint.findUniqueOrThrow({ where: { cycleId_endpointId: { cycleId, endpointId } } });
  const because = rollbackInWords(order);
  await db.cycleEndpoint.updateMany({
    where: { cycleId, endpointId, state: 'rolling back', rollBackOrderId: order.orderId },
    data: {
      ...columnsAfter(['rolling back'], 'patched'),
      rollBackOrderId: null,
      reasons: row.reasons.filter((reason) => reason !== because),
    },
  });
}
