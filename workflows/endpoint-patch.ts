/**
 * The procedure for one endpoint: look, fetch, snapshot, install, reboot where due, prove it, or put it back.
 *
 * The workflow's id, endpoint/CLIENT/ENDPOINT, is the lock: nobody else works on the endpoint meanwhile. What was
 * started is brought to a known state even when the cycle is cancelled or halted. Whatever an install says of itself,
 * only what is observed afterwards decides.
 */
import { CancellationScope, upsertSearchAttributes } from '@temporalio/workflow';
import type { EndpointEnd, EndpointOrder, EndpointPlan } from '../domain/cycle.ts';
import { judgePatched, nothingChanged } from '../domain/endpoint-outcome.ts';
import type { WaitingFor } from '../domain/endpoint-facts.ts';
import { bringIntoEffect, install, observe, prefetch, type Work } from './endpoint-acts.ts';
import { type Saga, sagaFrom } from './endpoint-saga.ts';
import { failureInWords } from './failures.ts';
import { ended, putBack } from './put-back.ts';
import { outcomeAttribute } from './search-attributes.ts';
import { control, machines } from './stubs.ts';

export async function endpointPatch(order: EndpointOrder): Promise<EndpointEnd> {
  const cycle = CancellationScope.current();
  return CancellationScope.nonCancellable(async () => {
    const plan = await control.openEndpoint(order);
    const saga = sagaFrom('admitted');
    const end = await patch(order, plan, saga, () => cycle.consideredCancelled);
    saga(end.outcome ?? 'waiting');
    await control.closeEndpoint({ order, end });
    upsertSearchAttributes(outcomeAttribute(end.outcome ?? 'waiting'));
    return end;
  });
}

async function patch(
  order: EndpointOrder,
  plan: EndpointPlan,
  saga: Saga,
  cancelled: () => boolean,
): Promise<EndpointEnd> {
  const { clientId, cycleId, endpointId } = order;
  const work = { clientId, cycleId, endpoint: order, plan };
  saga('observing');
  if (plan.patches.length === 0) return ended(plan.withoutPatches.outcome, plan.withoutPatches.because);
  const before = await observe(work, null).catch(() => null);
  if (!before) return { ...ended(null, ['its agent did not answer when its turn came']), waitingFor: 'offline' };
  await control.recordBefore({ clientId, cycleId, endpointId, before });

  const leave = (because: readonly string[], found: Partial<EndpointEnd> = {}) =>
    ended('skipped', ['nothing was installed', ...because], { before, ...found });
  const whoCancelled = async () => [(await control.cancellationOf({ cycleId })).because];
  // Its snapshot is of now, and its turn comes later: it is left for the clean-up.
  const letGo = (waitingFor: WaitingFor, because: readonly string[]) => ({
    ...ended(null, ['nothing was installed', ...because], { before }),
    waitingFor,
  });

  saga('fetching');
  const purpose = plan.attempt === 1 ? 'prefetch' : `prefetch, attempt ${plan.attempt}`;
  const fetched = await prefetch(work, purpose, { keepOld: plan.rollback === 'packages' });
  if (fetched.halted) return letGo('ring', fetched.because);
  if (!fetched.succeeded) return leave(fetched.because);
  if (cancelled()) return leave(await whoCancelled());

  saga('snapshotting');
  const snapshot = await takeSnapshot(work);
  if (!snapshot.usable) return leave([snapshot.because]);
  const { snapshotId } = snapshot;
  if (cancelled()) return leave(await whoCancelled(), { snapshotId });
  const start = await control.mayStillStart({ order });
  if (!start.starts) return letGo(start.waitingFor, start.because);

  // The way back is there before the act, and harmless when nothing was done.
  const restore = (found: Pick<EndpointEnd, 'after' | 'because' | 'packagesAtFault' | 'operations'>) => {
    saga('restoring');
    return putBack(work, { before, snapshotId, ...found });
  };

  saga('installing');
  const installed = await install(work);
  if (installed.halted) return letGo('ring', installed.because);

  saga('bringing into effect');
  const { after, rebootWasDue, leftBootId, because, ...effective } = await bringIntoEffect(work, before);
  const operations = [...fetched.operations, ...installed.operations, ...effective.operations];
  const said = [...installed.because, ...because];
  const { packagesAtFault } = installed;
  if (!after) return restore({ after, because: said, packagesAtFault, operations });

  saga('proving');
  if (!installed.succeeded && nothingChanged({ before, after }))
    return leave(installed.because, { after, snapshotId, operations });
  const { patches, reboot } = plan;
  const proof = judgePatched({ patches, before, after, rebootWasDue, leftBootId, reboot });
  if (proof.proven) return ended('patched', proof.because, { before, after, snapshotId, operations });
  return restore({
    after,
    because: [...said, ...proof.because],
    packagesAtFault: [...packagesAtFault, ...proof.packagesAtFault],
    operations,
  });
}

async function takeSnapshot({
  clientId,
  cycleId,
  endpoint,
  plan,
}: Work): Promise<{ readonly usable: boolean; readonly because: string; readonly snapshotId: string | null }> {
  if (!plan.snapshotRequired)
    return { usable: true, because: 'the change record waives the snapshot', snapshotId: null };
  const { endpointId } = endpoint;
  const { snapshotId } = plan;
  try {
    // On record before it is taken, so that none can be left behind unknown.
    await control.recordSnapshot({ clientId, cycleId, endpointId, snapshotId, usable: false });
    const verdict = await machines(endpoint.taskQueue).takeSnapshot({ endpoint, snapshotId });
    await control.recordSnapshot({ clientId, cycleId, endpointId, snapshotId, usable: verdict.usable });
    return { ...verdict, snapshotId };
  } catch (failure) {
    return { usable: false, because: `no snapshot: ${failureInWords(failure)}`, snapshotId };
  }
}
