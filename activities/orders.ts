/** What people order, and what must be asked before any effect. */
import { ApplicationFailure } from '@temporalio/activity';
import { type PersonsWord, clientIdOf } from '../domain/cycle.ts';
import type { Permit } from '../domain/operation.ts';
import { appendAudit } from './audit-trail.ts';
import type { Tenants } from './ports/database.ts';
import { haltInForce, openCycleOf } from './rows.ts';

export function orderActivities({ tenants }: { tenants: Tenants }) {
  const recordOrder = async (order: {
    cycleId: string;
    action: string;
    subject: string;
    /** When it was given: one person may give the same order again. */
    at: string;
    word: PersonsWord;
  }): Promise<void> => {
    const clientId = clientIdOf(order.cycleId);
    const { at } = order;
    await tenants.forClient(clientId).$transaction((tx) =>
      appendAudit(tx, clientId, [
        {
          key: `${order.cycleId} ${order.action} ${order.subject} by ${order.word.who} at ${at}`,
          at,
          actor: order.word.who,
          action: order.action,
          subject: order.subject,
          because: [order.word.why],
        },
      ]),
    );
  };

  return {
    recordOrder,

    /**
     * A permit for one effect, given after the halts were read. Spent within two seconds or not at all. A halt does not
     * refuse what finishes something that was started.
     */
    async issuePermit({
      clientId,
      cycleId,
      finishes,
    }: {
      clientId: string;
      cycleId: string;
      finishes: boolean;
    }): Promise<Permit | { readonly refusedBecause: readonly string[] }> {
      const halted = await haltInForce(tenants.forClient(clientId), cycleId);
      if (halted && !finishes) return { refusedBecause: [halted] };
      const issuedAt = new Date().toISOString();
      return { permitId: `${cycleId} ${issuedAt}`, issuedAt };
    },

    /** Puts the halt on record: from the next permit on, nothing more is submitted. */
    async orderHalt({ cycleId, word, at }: { cycleId: string; word: PersonsWord; at: string }): Promise<void> {
      const clientId = clientIdOf(cycleId);
      const id = `${cycleId} halt`;
      const row = { id, clientId, cycleId, orderedBy: word.who, reason: word.why, orderedAt: new Date(at) };
      const made = await tenants.forClient(clientId).halt.createMany({ data: [row], skipDuplicates: true });
      // The command writes the row before it tells the workflow: the second to come finds it on record.
      if (made.count > 0) await recordOrder({ cycleId, action: 'halt', subject: cycleId, at, word });
    },

    /** Counts one person's approval of the cycle's newest change record; `enough` when the policy asks for no more. */
    async approveChangeRecord({
      cycleId,
      word,
      at,
    }: {
      cycleId: string;
      word: PersonsWord;
      at: string;
    }): Promise<{ readonly enough: boolean }> {
      const { db } = await openCycleOf(tenants, cycleId);
      const record = await db.changeRecord.findFirst({ where: { cycleId }, orderBy: { writtenAt: 'desc' } });
      if (!record) throw ApplicationFailure.nonRetryable(`${cycleId} has no change record to approve`, 'OrderRefused');
      const clientId = clientIdOf(cycleId);
      await db.approval.upsert({
        where: { changeRecordId_who: { changeRecordId: record.id, who: word.who } },
        create: { changeRecordId: record.id, clientId, who: word.who, why: word.why, at: new Date(at) },
        update: {},
      });
      await recordOrder({
        cycleId,
        action: 'approve change record',
        subject: `${record.id} ${record.digest}`,
        at,
        word,
      });
      const approvals = await db.approval.count({ where: { changeRecordId: record.id } });
      return { enough: approvals >= record.personsAsked };
    },

    /** Opens a window now, for one site of the cycle or for all, besides the policy's own. */
    async openWindow({
      cycleId,
      minutes,
      site,
      word,
      at,
    }: {
      cycleId: string;
      minutes: number;
      site: string | null;
      word: PersonsWord;
      at: string;
    }): Promise<{ readonly because: readonly string[] }> {
      const clientId = clientIdOf(cycleId);
      const db = tenants.forClient(clientId);
      const named = site === null ? null : await db.site.findFirst({ where: { OR: [{ name: site }, { id: site }] } });
      if (site !== null && !named)
        throw ApplicationFailure.nonRetryable(`client ${clientId} has no site ${site}`, 'OrderRefused');
      const opensAt = new Date(at);
      const closesAt = new Date(opensAt.getTime() + minutes * 60_000);
      const id = `${cycleId} window ${site ?? 'all sites'} by ${word.who} at ${at}`;
      await db.openedWindow.upsert({
        where: { id },
        create: {
          id,
          clientId,
          cycleId,
          siteId: named?.id ?? null,
          opensAt,
          closesAt,
          openedBy: word.who,
          reason: word.why,
        },
        update: {},
      });
      const subject = `${site ?? 'all sites'} until ${closesAt.toISOString()}`;
      await recordOrder({ cycleId, action: 'open window', subject, at, word });
      return { because: [`${word.who} opened a window for ${subject}: ${word.why}`] };
    },
  };
}
