/** Carries out what operators order, as the command line does: what stops or takes back is on record before a cycle is told. */
import { releasePatch } from '../../../record/patches/breaker.ts';
import { releaseEndpoint } from '../../../record/endpoints/quarantine.ts';
import type { NamedTarget } from '../../../domain/rollout/halt.ts';
import { NotModelled } from './not-modelled.ts';
import type { MemoryDatabase } from './database/database.ts';
import type { OrderFacts, Part } from './orders.ts';
import type { Recorder } from './record.ts';
import type { PublishedVersion } from './releases.ts';
import type { Place } from './world.ts';
import { skip } from '../../../record/orders/skips.ts';
import { orderCancel } from '../../../record/orders/cancellations.ts';
import { orderHalt, orderResume } from '../../../record/orders/halts.ts';
import { orderRollback } from '../../../record/orders/rollbacks.ts';

type Counter = {
  readonly simulation: Place;
  readonly database: MemoryDatabase;
  readonly record: Recorder;
  readonly releases: readonly PublishedVersion[];
};

/** Gives one order. A refusal is an answer; what a cycle says to the rest is put on record when it says it. */
export async function give(counter: Counter, facts: OrderFacts): Promise<void> {
  const { order, cycleId, who } = facts;
  counter.record({ fact: 'ordered', order, cycleId, who });
  try {
    await carryOut(counter, facts);
  } catch (refusal) {
    if (refusal instanceof NotModelled) throw refusal;
    const because = refusal instanceof Error ? refusal.message : String(refusal);
    counter.record({ fact: 'order answered', order, cycleId, accepted: false, because });
  }
}

async function carryOut({ simulation, database, releases }: Counter, facts: OrderFacts): Promise<void> {
  const { cycleId, who } = facts;
  const signOff = { who, why: `${who} wants it at ${facts.at}` };
  const at = new Date().toISOString();
  const tell = (update: string, order: object) => void simulation.update(cycleId, update, [order]);
  switch (facts.order) {
    case 'approve':
    case 'advance':
      return tell(facts.order, signOff);
    case 'go on':
      return tell('continueCycle', signOff);
    case 'open window':
      return tell('openWindow', {
        ...signOff,
        minutes: facts.minutes,
        ...(facts.site === null ? {} : { site: facts.site }),
      });
    case 'cancel':
      await orderCancel(database, { cycleId, signOff, at });
      return simulation.cancel(cycleId);
    case 'release patch':
      for (const release of releases)
        await releasePatch(database, { package: release.package, version: release.to, signOff, at });
      return;
    case 'release endpoint': {
      const endpointId = quarantinedOf(database, facts);
      if (endpointId !== undefined)
        await releaseEndpoint(database, { clientId: facts.clientId, endpointId, signOff, at });
      return;
    }
  }
  const named = partOf(database, facts.cycleId, facts.part);
  if (facts.order === 'roll back') {
    const order = await orderRollback(database, { cycleId, named, signOff, at });
    simulation.start('cycleRollback', order.orderId, [order], { whenRunning: 'use existing' });
    return simulation.signal(cycleId, 'lookAgain', []);
  }
  if (facts.order === 'halt') await orderHalt(database, { cycleId, named, signOff, at });
  if (facts.order === 'resume') await orderResume(database, { cycleId, named, signOff, at });
  if (facts.order === 'skip') await skip(database, { cycleId, named, signOff, at });
  tell(facts.order, { ...signOff, ...named });
}

/** One of the client's that a person is needed for; undefined where there is none. */
function quarantinedOf(
  database: MemoryDatabase,
  { clientId, lot }: { readonly clientId: string; readonly lot: number },
): string | undefined {
  const quarantined = database
    .rows('CycleEndpoint')
    .filter((row) => row['clientId'] === clientId && row['outcome'] === 'quarantined');
  return quarantined[Math.floor(lot * quarantined.length)]?.['endpointId'] as string | undefined;
}

/** The part as a person names it; the whole cycle where there is no such part yet. */
function partOf(database: MemoryDatabase, cycleId: string, { scope, lot }: Part): NamedTarget {
  if (scope === 'patch') {
    const patches = database
      .rows('CyclePatch')
      .filter((row) => row['cycleId'] === cycleId && row['decision'] === 'approved');
    const patch = patches[Math.floor(lot * patches.length)];
    return patch ? { patch: `${String(patch['package'])}=${String(patch['toVersion'])}` } : {};
  }
  const members = database.rows('CycleEndpoint').filter((row) => row['cycleId'] === cycleId && row['ring'] !== null);
  const member = members[Math.floor(lot * members.length)];
  if (scope === 'cycle' || !member) return {};
  const { ring, siteId, endpointId } = member as Record<string, string>;
  if (scope === 'ring') return ring === undefined ? {} : { ring };
  const name = scope === 'site' ? siteId : endpointId;
  const bare = (name ?? '').slice(0, (name ?? '').lastIndexOf('.'));
  return scope === 'site' ? { site: bare } : { endpoint: bare };
}
