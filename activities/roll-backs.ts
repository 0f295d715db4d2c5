/** Orders to roll back what a cycle has patched: recorded, ended early, and closed. */
import { type PersonsWord, type RollBackEnd, type RollBackOrder, clientIdOf, rollBackIdOf } from '../domain/cycle.ts';
import { type Target, targetInWords } from '../domain/halt.ts';
import { rollBackStanding } from '../domain/roll-back.ts';
import { appendAudit } from './audit-trail.ts';
import { type PersonsOrder, lockHalts, orderEntry, putHalt } from './halts.ts';
import type { Database, Tenants, Transaction } from './ports/database.ts';
import { rollBackRows, toMember } from './roll-back-admissions.ts';
import { openCycleOf } from './rows.ts';
import { membersIn, refused, targetOf } from './targets.ts';

/** An operator reads the first few; the rest is counted. */
const wordsAtMost = 20;
const cancelled = 'cancel roll back';

export function rollBackActivities({ tenants }: { tenants: Tenants }) {
  return {
    /**
     * Records an order to roll back, and halts what would go on giving out what is taken back: the cycle for a ring or
     * all of it, the site for a site. Ordered again in the same words while it runs, it is the same order.
     */
    async orderRollBack({ cycleId, named, word, at }: PersonsOrder): Promise<RollBackOrder> {
      const clientId = clientIdOf(cycleId);
      const { db, cycle } = await openCycleOf(tenants, cycleId);
      const target = await targetOf(db, { cycleId, clientId }, named);
      const what = targetInWords(target);
      if (target.scope === 'patch')
        throw refused(`${what} came with others: name the endpoint, ring or site that is to be put back`);
      const rows = await rollBackRows(db, membersIn(cycle, target));
      const standing = rollBackStanding(
        rows.map((row) => toMember(row, [])),
        [],
      );
      if (standing.next.length + standing.awaited.length === 0)
        throw refused(`${cycleId} has patched nothing of ${what} that could be put back${leftInWords(standing.left)}`);
      return db.$transaction(async (tx) => {
        await lockHalts(tx, cycleId);
        const orders = await tx.rollBackOrder.findMany({ where: { cycleId } });
        const same = orders.find(
          (one) => one.endedAt === null && one.scope === target.scope && one.subject === target.subject,
        );
        const orderId = same?.id ?? rollBackIdOf({ cycleId, number: orders.length + 1 });
        const ordered = { orderId, cycleId, clientId, target, word };
        if (same && (same.orderedBy !== word.who || same.reason !== word.why))
          throw refused(`${same.orderedBy} has ordered ${what} to be rolled back already: ${same.id}`);
        if (same) return { ...ordered, because: [same.because[0] ?? ''] };
        const because = [
          `${what} rolled back by order of ${word.who}: ${word.why}`,
          ...(await haltFirst(tx, ordered, at)),
        ];
        const row = { scope: target.scope, subject: target.subject, orderedBy: word.who, reason: word.why };
        await tx.rollBackOrder.create({
          data: { id: orderId, clientId, cycleId, ...row, orderedAt: new Date(at), because },
        });
        await appendAudit(tx, clientId, [orderEntry('roll back', cycleId, target, word, at)]);
        return { ...ordered, because };
      });
    },

    /** Puts on record who ends an order to roll back before it is done. */
    async cancelRollBack({ orderId, word, at }: { orderId: string; word: PersonsWord; at: string }): Promise<void> {
      const { clientId } = await tenants.everybody.rollBackOrder.findUniqueOrThrow({ where: { id: orderId } });
      const entry = { at, actor: word.who, action: cancelled, subject: orderId, because: [word.why] };
      await tenants
        .forClient(clientId)
        .$transaction((tx) =>
          appendAudit(tx, clientId, [{ key: `${orderId} cancel by ${word.who} at ${at}`, ...entry }]),
        );
    },

    /** Records what came of the order: who was put back, who was not, and why. */
    async closeRollBack({ order, end }: { order: RollBackOrder; end: RollBackEnd }): Promise<RollBackEnd> {
      const { cycleId, clientId, orderId } = order;
      const { db, cycle } = await openCycleOf(tenants, cycleId);
      const rows = await rollBackRows(db, membersIn(cycle, order.target));
      const { left } = rollBackStanding(
        rows.map((row) => toMember(row, [])),
        [],
      );
      const words = left.map(({ endpointId, because }) => `${endpointId} is left as it is: ${because}`);
      const counts = Object.entries(end.endpoints).map(([outcome, count]) => `${count} ${outcome.replace('_', ' ')}`);
      const cutShort = await cancellationOf(db, orderId);
      const because = [
        order.because[0] ?? '',
        ...(cutShort === null ? [] : [cutShort]),
        counts.length === 0 ? 'nothing was put back' : counts.join(', '),
        ...[...end.because, ...words].slice(0, wordsAtMost),
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
    },
  };
}

/** Who has ended an order before it was done, and why; null when nobody has. */
async function cancellationOf(db: Database, orderId: string): Promise<string | null> {
  const event = await db.auditEvent.findFirst({ where: { action: cancelled, subject: orderId } });
  return event && `cancelled by ${event.actor}: ${event.because.join('; ')}; nobody more is put back`;
}

/** What proved the patches is taken back, so nobody gets more of them until a person resumes. */
async function haltFirst(
  tx: Transaction,
  { cycleId, target, word }: { cycleId: string; target: Target; word: PersonsWord },
  at: string,
): Promise<string[]> {
  if (target.scope === 'endpoint') return [];
  const what: Target = target.scope === 'site' ? target : { scope: 'cycle', subject: cycleId };
  const halted = await putHalt(tx, { cycleId, target: what, word, at });
  return halted ? [`${targetInWords(what)} is halted with it, until a person resumes it`] : [];
}

function leftInWords(left: readonly { readonly endpointId: string; readonly because: string }[]): string {
  return left.length === 0 ? '' : `; ${left.map(({ endpointId, because }) => `${endpointId}: ${because}`).join('; ')}`;
}
