/** Orders to roll back what a cycle has patched: recorded, and ended early. */
import type { SignOff, RollbackOrder } from '../../domain/rollout/cycle.ts';
import { type Target, targetInWords } from '../../domain/rollout/halt.ts';
import { rollbackProgress, type RollbackMember } from '../../domain/rollout/rollback.ts';
import { appendAudit, orderEntry } from '../audit.ts';
import type { Database, Tenants, Transaction } from '../database.ts';
import { readCycle } from '../cycle.ts';
import { membersIn, targetOf } from './targets.ts';
import { clientIdOf, rollbackIdOf } from '../../domain/ids.ts';
import { type OrderRequest, lockHalts, putHalt } from './halts.ts';
import { orderRefused } from '../errors.ts';
import type { EndpointOutcome } from '../../domain/endpoints/saga.ts';

const cancelled = 'cancel roll back';

/**
 * Records an order to roll back, and halts what would go on giving out what is taken back: the cycle for a ring or
 * all of it, the site for a site. Ordered again in the same words while it runs, it is the same order.
 */
export async function orderRollback(
  tenants: Tenants,
  { cycleId, named, signOff, at }: OrderRequest,
): Promise<RollbackOrder> {
  const clientId = clientIdOf(cycleId);
  const { db, cycle } = await readCycle(tenants, cycleId);
  const target = await targetOf(db, { cycleId, clientId }, named);
  const what = targetInWords(target);
  if (target.scope === 'patch')
    throw orderRefused(`${what} came with others: name the endpoint, ring or site that is to be rolled back`);
  const rows = await rollbackRows(db, membersIn(cycle, target));
  const progress = rollbackProgress(
    rows.map((row) => toRollbackMember(row, [])),
    [],
  );
  if (progress.next.length + progress.awaited.length === 0)
    throw orderRefused(
      `${cycleId} has patched nothing of ${what} that could be rolled back${excludedInWords(progress.excluded)}`,
    );
  return db.$transaction(async (tx) => {
    await lockHalts(tx, cycleId);
    const orders = await tx.rollBackOrder.findMany({ where: { cycleId } });
    const same = orders.find(
      (one) => one.endedAt === null && one.scope === target.scope && one.subject === target.subject,
    );
    const orderId = same?.id ?? rollbackIdOf({ cycleId, number: orders.length + 1 });
    const ordered = { orderId, cycleId, clientId, target, signOff };
    if (same && (same.orderedBy !== signOff.who || same.reason !== signOff.why))
      throw orderRefused(`${same.orderedBy} has ordered ${what} to be rolled back already: ${same.id}`);
    if (same) return { ...ordered, because: [same.because[0] ?? ''] };
    const because = [
      `${what} rolled back by order of ${signOff.who}: ${signOff.why}`,
      ...(await haltFirst(tx, ordered, at)),
    ];
    const row = { scope: target.scope, subject: target.subject, orderedBy: signOff.who, reason: signOff.why };
    await tx.rollBackOrder.create({
      data: { id: orderId, clientId, cycleId, ...row, orderedAt: new Date(at), because },
    });
    await appendAudit(tx, clientId, [orderEntry('roll back', cycleId, target, signOff, at)]);
    return { ...ordered, because };
  });
}

/** Puts on record who ends an order to roll back before it is done. */
export async function cancelRollback(
  tenants: Tenants,
  { orderId, signOff, at }: { orderId: string; signOff: SignOff; at: string },
): Promise<void> {
  const { clientId } = await tenants.everybody.rollBackOrder.findUniqueOrThrow({ where: { id: orderId } });
  const entry = { at, actor: signOff.who, action: cancelled, subject: orderId, because: [signOff.why] };
  await tenants
    .forClient(clientId)
    .$transaction((tx) =>
      appendAudit(tx, clientId, [{ key: `${orderId} cancel by ${signOff.who} at ${at}`, ...entry }]),
    );
}

/** Who has ended an order before it was done, and why; null when nobody has. */
export async function rollbackCancellationOf(db: Database, orderId: string): Promise<string | null> {
  const event = await db.auditEvent.findFirst({ where: { action: cancelled, subject: orderId } });
  return event && `cancelled by ${event.actor}: ${event.because.join('; ')}; no further endpoint is rolled back`;
}

/** What proved the patches is withdrawn, so no endpoint gets more of them until a person resumes. */
async function haltFirst(
  tx: Transaction,
  { cycleId, target, signOff }: { cycleId: string; target: Target; signOff: SignOff },
  at: string,
): Promise<string[]> {
  if (target.scope === 'endpoint') return [];
  const what: Target = target.scope === 'site' ? target : { scope: 'cycle', subject: cycleId };
  const halted = await putHalt(tx, { cycleId, target: what, signOff, at });
  return halted ? [`${targetInWords(what)} is halted with it, until a person resumes it`] : [];
}

function excludedInWords(excluded: readonly { readonly endpointId: string; readonly because: string }[]): string {
  return excluded.length === 0
    ? ''
    : `; ${excluded.map(({ endpointId, because }) => `${endpointId}: ${because}`).join('; ')}`;
}

export type Row = Awaited<ReturnType<typeof rollbackRows>>[number];

/** The endpoints of a target, each with what other cycles make of it. */
export async function rollbackRows(db: Transaction | Database, where: object) {
  return db.cycleEndpoint.findMany({
    where,
    include: {
      endpoint: {
        include: {
          inCycles: {
            where: { OR: [{ outcome: 'patched' }, { state: { in: ['admitted', 'in flight'] } }] },
            include: { cycle: true },
          },
        },
      },
      cycle: true,
    },
    orderBy: [{ ringOrder: 'asc' }, { endpointId: 'asc' }],
  });
}

export function toRollbackMember(row: Row, tried: readonly string[]): RollbackMember {
  const later = row.endpoint.inCycles.find(({ cycle }) => cycle.startedAt > row.cycle.startedAt);
  return {
    endpointId: row.endpointId,
    ring: row.ring,
    state: row.state,
    outcome: row.outcome as EndpointOutcome | null,
    laterCycle: later?.cycleId ?? null,
    tried: tried.includes(row.endpointId),
  };
}
