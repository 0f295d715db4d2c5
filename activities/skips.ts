/** Taking a part of a cycle out of it: whoever has not started ends as skipped. */
import { clientIdOf } from '../domain/cycle.ts';
import { columnsAfter, notAdmitted } from '../domain/endpoint-saga.ts';
import { partNamed, targetInWords } from '../domain/halt.ts';
import { appendAudit } from './audit-trail.ts';
import { type PersonsOrder, orderEntry } from './halts.ts';
import { skippedIn } from './left-out.ts';
import type { Tenants } from './ports/database.ts';
import { openCycleOf } from './rows.ts';
import { lockSite, sitePatience } from './site-budgets.ts';
import { skipPatch } from './skipped-patches.ts';
import { membersIn, refused, statesInWords, targetOf } from './targets.ts';

export function skipActivities({ tenants }: { tenants: Tenants }) {
  return {
    /**
     * Takes an endpoint, a ring, a site or a patch out of a cycle, for good. What has started comes to its end as it would
     * otherwise. Ordered again in the same words it changes nothing.
     */
    async skip(order: PersonsOrder): Promise<{ readonly because: string }> {
      const { cycleId, named, word, at } = order;
      const part = partNamed(named);
      if (part && 'scope' in part && part.scope === 'patch') return skipPatch(tenants, order, part.name);
      const clientId = clientIdOf(cycleId);
      const target = await targetOf(tenants.forClient(clientId), { cycleId, clientId }, named);
      const what = targetInWords(target);
      if (target.scope === 'cycle') throw refused('name what to skip: a whole cycle is cancelled, not skipped');
      const { db, cycle } = await openCycleOf(tenants, cycleId);
      const members = await db.cycleEndpoint.findMany({ where: membersIn(cycle, target), orderBy: { siteId: 'asc' } });
      const because = `skipped by ${word.who}: ${word.why}`;
      const open = members.filter((member) => notAdmitted.some((state) => state === member.state));
      const done = members.filter((member) => member.outcome === 'skipped' && member.reasons.includes(because));
      if (open.length === 0 && done.length > 0) return { because: `${what} was ${because}` };
      if (open.length === 0) throw refused(`nothing of ${what} is left to skip: ${statesInWords(members)}`);

      const skipped = await db.$transaction(async (tx) => {
        // An admission under way has read who waits: it comes first, or finds them gone.
        for (const siteId of new Set(open.map((member) => member.siteId))) await lockSite(tx, siteId, []);
        const ended = await tx.cycleEndpoint.updateMany({
          where: { ...membersIn(cycle, target), state: { in: [...notAdmitted] } },
          data: {
            ...columnsAfter(notAdmitted, 'skipped'),
            waitingFor: null,
            endedAt: new Date(at),
            reasons: [because],
          },
        });
        await appendAudit(tx, clientId, [orderEntry('skip', cycleId, target, word, at)]);
        return ended.count;
      }, sitePatience);
      return { because: `${skipped} of ${members.length} endpoints of ${what} ${because}` };
    },

    /** How many patches people have skipped in a cycle. */
    async patchesSkipped({ cycleId }: { cycleId: string }): Promise<number> {
      return (await skippedIn(tenants.forClient(clientIdOf(cycleId)), cycleId)).length;
    },
  };
}
