/** What people order, and what must be asked before any effect. */
import { ApplicationFailure } from '@temporalio/activity';
import { type PersonsWord, clientIdOf } from '../domain/cycle.ts';
import type { Permit } from '../domain/operation.ts';
import { appendAudit } from './audit-trail.ts';
import type { Tenants } from './ports/database.ts';
import { openCycleOf } from './rows.ts';

export function orderActivities({ tenants }: { tenants: Tenants }) {
  const recordOrder = async (order: {
    cycleId: string;
    action: string;
    subject: string;
    word: PersonsWord;
  }): Promise<void> => {
    const clientId = clientIdOf(order.cycleId);
    const at = new Date().toISOString();
    await tenants.forClient(clientId).$transaction((tx) =>
      appendAudit(tx, clientId, [
        {
          key: `${order.cycleId} ${order.action} ${order.subject} by ${order.word.who}`,
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

    /** A permit for one effect, given after the halts were read. Spent within two seconds or not at all. */
    async issuePermit({
      clientId,
      cycleId,
    }: {
      clientId: string;
      cycleId: string;
    }): Promise<Permit | { readonly refusedBecause: readonly string[] }> {
      const halts = await tenants.forClient(clientId).halt.findMany({
        where: { releasedAt: null, OR: [{ cycleId: null }, { cycleId }] },
      });
      if (halts.length > 0)
        return { refusedBecause: halts.map((halt) => `halted by ${halt.orderedBy}: ${halt.reason}`) };
      const issuedAt = new Date().toISOString();
      return { permitId: `${cycleId} ${issuedAt}`, issuedAt };
    },

    /** Puts the halt on record: from the next permit on, nothing more is submitted. */
    async orderHalt({ cycleId, word }: { cycleId: string; word: PersonsWord }): Promise<void> {
      const clientId = clientIdOf(cycleId);
      const id = `${cycleId} halt`;
      const orderedAt = new Date();
      await tenants.forClient(clientId).halt.upsert({
        where: { id },
        create: { id, clientId, cycleId, orderedBy: word.who, reason: word.why, orderedAt },
        update: {},
      });
      await recordOrder({ cycleId, action: 'halt', subject: cycleId, word });
    },

    /** Counts one person's approval of the cycle's newest change record; `enough` when the policy asks for no more. */
    async approveChangeRecord({
      cycleId,
      word,
    }: {
      cycleId: string;
      word: PersonsWord;
    }): Promise<{ readonly enough: boolean }> {
      const { db } = await openCycleOf(tenants, cycleId);
      const record = await db.changeRecord.findFirst({ where: { cycleId }, orderBy: { writtenAt: 'desc' } });
      if (!record) throw ApplicationFailure.nonRetryable(`${cycleId} has no change record to approve`, 'OrderRefused');
      const clientId = clientIdOf(cycleId);
      await db.approval.upsert({
        where: { changeRecordId_who: { changeRecordId: record.id, who: word.who } },
        create: { changeRecordId: record.id, clientId, who: word.who, why: word.why, at: new Date() },
        update: {},
      });
      await recordOrder({ cycleId, action: 'approve change record', subject: `${record.id} ${record.digest}`, word });
      const approvals = await db.approval.count({ where: { changeRecordId: record.id } });
      return { enough: approvals >= record.personsAsked };
    },

    /** Opens a window now, for one site of the cycle or for all, besides the policy's own. */
    async openWindow({
      cycleId,
      minutes,
      site,
      word,
    }: {
      cycleId: string;
      minutes: number;
      site: string | null;
      word: PersonsWord;
    }): Promise<{ readonly because: readonly string[] }> {
      const clientId = clientIdOf(cycleId);
      const db = tenants.forClient(clientId);
      const named = site === null ? null : await db.site.findFirst({ where: { OR: [{ name: site }, { id: site }] } });
      if (site !== null && !named)
        throw ApplicationFailure.nonRetryable(`client ${clientId} has no site ${site}`, 'OrderRefused');
      const opensAt = new Date();
      const closesAt = new Date(opensAt.getTime() + minutes * 60_000);
      const id = `${cycleId} window ${site ?? 'all sites'} ${word.who} ${word.why}`;
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
        update: { closesAt },
      });
      const subject = `${site ?? 'all sites'} until ${closesAt.toISOString()}`;
      await recordOrder({ cycleId, action: 'open window', subject, word });
      return { because: [`${word.who} opened a window for ${subject}: ${word.why}`] };
    },
  };
}
