/** Orders to roll back what a cycle has patched: recorded, ended early, and closed. */
import { stateInWords } from '../../domain/endpoints/saga.ts';
import type { RollbackEnd, RollbackOrder } from '../../domain/rollout/cycle.ts';
import { rollbackProgress } from '../../domain/rollout/rollback.ts';
import { appendAudit } from '../../record/audit.ts';
import type { Tenants } from '../../record/database.ts';
import { readCycle } from '../../record/cycle.ts';
import { membersIn } from '../../record/orders/targets.ts';
import { rollbackCancellationOf, rollbackRows, toRollbackMember } from '../../record/orders/rollbacks.ts';
import { bound } from '../bound.ts';

/** An operator reads the first few; the rest is counted. */
const linesShownAtMost = 20;

type Ports = { tenants: Tenants };

export function rollbackActivities(ports: Ports) {
  return bound(ports, {
    closeRollback,
  });
}

/** Records what came of the order: which endpoints were rolled back, which were not, and why. */
async function closeRollback(
  { tenants }: Ports,
  { order, end }: { order: RollbackOrder; end: RollbackEnd },
): Promise<RollbackEnd> {
  const { cycleId, clientId, orderId } = order;
  const { db, cycle } = await readCycle(tenants, cycleId);
  const rows = await rollbackRows(db, membersIn(cycle, order.target));
  const { excluded } = rollbackProgress(
    rows.map((row) => toRollbackMember(row, [])),
    [],
  );
  const words = excluded.map(({ endpointId, because }) => `${endpointId} is left as it is: ${because}`);
  const counts = Object.entries(end.endpoints).map(([outcome, count]) => `${count} ${stateInWords(outcome)}`);
  const cutShort = await rollbackCancellationOf(db, orderId);
  const because = [
    order.because[0] ?? '',
    ...(cutShort === null ? [] : [cutShort]),
    counts.length === 0 ? 'nothing was rolled back' : counts.join(', '),
    ...[...end.because, ...words].slice(0, linesShownAtMost),
  ];
  const endedAt = new Date();
  await db.$transaction(async (tx) => {
    await tx.rollBackOrder.update({ where: { id: orderId }, data: { endedAt, because } });
    await appendAudit(tx, clientId, [
      {
        key: `${orderId} ended`,
        at: endedAt.toISOString(),
        actor: 'patchcycle',
        action: 'roll back ended',
        subject: orderId,
        because,
        detail: { endpoints: end.endpoints },
      },
    ]);
  });
  return { ...end, because };
}
