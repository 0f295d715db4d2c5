/** Taking a part of a cycle out of it: endpoints that have not started end as skipped. */
import { columnsAfter, notAdmitted } from '../../domain/endpoints/saga.ts';
import { partNamed, targetInWords } from '../../domain/rollout/halt.ts';
import { appendAudit, orderEntry } from '../audit.ts';
import type { Tenants } from '../database.ts';
import { readCycle } from '../cycle.ts';
import { skipPatch } from './skipped-patches.ts';
import { membersIn, statesInWords, targetOf } from './targets.ts';
import { clientIdOf } from '../../domain/ids.ts';
import type { OrderRequest } from './halts.ts';
import { orderRefused } from '../errors.ts';
import { lockSite, siteLockOptions } from '../sites/lock.ts';

/**
 * Takes an endpoint, a ring, a site or a patch out of a cycle, for good. What has started comes to its end as it would
 * otherwise. Ordered again by the same person it changes nothing.
 */
export async function skip(tenants: Tenants, order: OrderRequest): Promise<{ readonly because: string }> {
  const { cycleId, named, signOff, at } = order;
  const part = partNamed(named);
  if (part && 'scope' in part && part.scope === 'patch') return skipPatch(tenants, order, part.name);
  const clientId = clientIdOf(cycleId);
  const target = await targetOf(tenants.forClient(clientId), { cycleId, clientId }, named);
  const what = targetInWords(target);
  if (target.scope === 'cycle') throw orderRefused('name what to skip: a whole cycle is cancelled, not skipped');
  const { db, cycle } = await readCycle(tenants, cycleId);
  const members = await db.cycleEndpoint.findMany({ where: membersIn(cycle, target), orderBy: { siteId: 'asc' } });
  const because = `skipped by ${signOff.who}: ${signOff.why}`;
  const open = members.filter((member) => notAdmitted.some((state) => state === member.state));
  const done = members.find((member) => member.outcome === 'skipped' && member.skippedBy === signOff.who);
  if (open.length === 0 && done) return { because: `${what} was ${done.reasons[0] ?? because}` };
  if (open.length === 0) throw orderRefused(`nothing of ${what} is left to skip: ${statesInWords(members)}`);

  const skipped = await db.$transaction(async (tx) => {
    // An admission under way has read which endpoints wait: it comes first, or finds them gone.
    for (const siteId of new Set(open.map((member) => member.siteId))) await lockSite(tx, siteId, []);
    const ended = await tx.cycleEndpoint.updateMany({
      where: { ...membersIn(cycle, target), state: { in: [...notAdmitted] } },
      data: {
        ...columnsAfter(notAdmitted, 'skipped'),
        waitingFor: null,
        endedAt: new Date(at),
        reasons: [because],
        skippedBy: signOff.who,
      },
    });
    await appendAudit(tx, clientId, [orderEntry('skip', cycleId, target, signOff, at)]);
    return ended.count;
  }, siteLockOptions);
  return { because: `${skipped} of ${members.length} endpoints of ${what} ${because}` };
}
