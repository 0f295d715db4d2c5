/** What people order besides halts: approvals, windows, the end of a cycle. */
import { ApplicationFailure } from '@temporalio/activity';
import { type PersonsWord, clientIdOf } from '../domain/cycle.ts';
import { appendAudit } from './audit-trail.ts';
import type { Tenants } from './ports/database.ts';
import { lockHalts, orderEntry, putHalt } from './halts.ts';
import { openCycleOf } from './rows.ts';

const cancelled = 'cancel cycle';

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
    /** Puts on record who cancels a cycle, and halts it, so that nothing starts before the cycle has heard of it. */
    async orderCancel({ cycleId, word, at }: { cycleId: string; word: PersonsWord; at: string }): Promise<void> {
      const target = { scope: 'cycle', subject: cycleId } as const;
      await tenants.forClient(clientIdOf(cycleId)).$transaction(async (tx) => {
        await lockHalts(tx, cycleId);
        await putHalt(tx, { cycleId, target, word: { ...word, why: `cancelled: ${word.why}` }, at });
        await appendAudit(tx, clientIdOf(cycleId), [orderEntry(cancelled, cycleId, target, word, at)]);
      });
    },

    /** Why a cycle that was cancelled was: who did it, where that is known. */
    async cancellationOf({ cycleId }: { cycleId: string }): Promise<{ readonly because: string }> {
      const order = await tenants.forClient(clientIdOf(cycleId)).auditEvent.findFirst({
        where: { action: cancelled, subject: cycleId },
        orderBy: { sequence: 'desc' },
      });
      const by = order ? ` by ${order.actor}: ${order.because.join('; ')}` : '';
      return { because: `the cycle was cancelled${by}` };
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
