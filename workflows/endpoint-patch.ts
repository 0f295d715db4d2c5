/**
 * The procedure for one endpoint: look, fetch, snapshot, install, reboot where due, prove it, or roll it back.
 *
 * The workflow's id, endpoint/CLIENT/ENDPOINT, is the lock: no other workflow works on the endpoint meanwhile. What was
 * started is brought to a known state even when the cycle is cancelled or halted. Whatever an install says of itself,
 * only what is observed afterwards decides.
 */
import { CancellationScope, upsertSearchAttributes } from '@temporalio/workflow';
import type { EndpointInput, EndpointPlan } from '../domain/rollout/cycle.ts';
import { judgePatched, nothingChanged } from '../domain/endpoints/outcome.ts';
import { bringIntoEffect, install, observe, prefetch, type Work } from './endpoint-acts.ts';
import { type Saga, sagaFrom } from './endpoint-saga.ts';
import { failureInWords } from './failures.ts';
import { ended, rollBackFailed } from './rollback.ts';
import { outcomeAttribute } from './search-attributes.ts';
import { control, machineActs } from './stubs.ts';
import type { WaitingFor } from '../domain/endpoints/saga.ts';
import type { EndpointEnd } from '../domain/endpoints/end.ts';

export async function endpointPatch(input: EndpointInput): Promise<EndpointEnd> {
  const cycle = CancellationScope.current();
  return CancellationScope.nonCancellable(async () => {
    const plan = await control.openEndpoint(input);
    const saga = sagaFrom('admitted');
    const end = await patch(input, plan, saga, () => cycle.consideredCancelled);
    saga(end.outcome ?? 'waiting');
    await control.closeEndpoint({ input, end });
    upsertSearchAttributes(outcomeAttribute(end.outcome ?? 'waiting'));
    return end;
  });
}

async function patch(
  input: EndpointInput,
  plan: EndpointPlan,
  saga: Saga,
  cancelled: () => boolean,
): Promise<EndpointEnd> {
  const { clientId, cycleId, endpointId } = input;
  const work = { clientId, cycleId, endpoint: input, plan };
  saga('observing');
  if (plan.patches.length === 0) return ended(plan.withoutPatches.outcome, plan.withoutPatches.because);
  const before = await observe(work, null).catch(() => null);
  if (!before) return { ...ended(null, ['its agent did not answer when its turn came']), waitingFor: 'offline' };
  await control.recordBefore({ clientId, cycleId, endpointId, before });

  const skippedBecause = (because: readonly string[], found: Partial<EndpointEnd> = {}) =>
    ended('skipped', ['nothing was installed', ...because], { before, ...found });
  const cancelledBecause = async () => [(await control.cancellationOf({ cycleId })).because];
  // Its turn comes later, and a snapshot of now is of no use then: the clean-up deletes it.
  const waitsAgain = (waitingFor: WaitingFor, because: readonly string[]) => ({
    ...ended(null, ['nothing was installed', ...because], { before }),
    waitingFor,
  });

  saga('fetching');
  const purpose = plan.attempt === 1 ? 'prefetch' : `prefetch, attempt ${plan.attempt}`;
  const fetched = await prefetch(work, purpose, { keepOld: plan.rollback === 'packages' });
  if (fetched.halted) return waitsAgain('ring', fetched.because);
  if (!fetched.succeeded) return skippedBecause(fetched.because);
  if (cancelled()) return skippedBecause(await cancelledBecause());

  saga('snapshotting');
  const snapshot = await takeSnapshot(work);
  if (!snapshot.usable) return skippedBecause([snapshot.because]);
  const { snapshotId } = snapshot;
  if (cancelled()) return skippedBecause(await cancelledBecause(), { snapshotId });
  const start = await control.mayStillStart({ input });
  if (!start.starts) return waitsAgain(start.waitingFor, start.because);

  // The rollback is ready before the install, and harmless when nothing was done.
  const rollBack = (found: Pick<EndpointEnd, 'after' | 'because' | 'packagesAtFault' | 'operations'>) => {
    saga('restoring');
    return rollBackFailed(work, { before, snapshotId, ...found });
  };

  saga('installing');
  const installed = await install(work);
  if (installed.halted) return waitsAgain('ring', installed.because);

  saga('bringing into effect');
  const { after, rebootWasDue, bootIdBeforeReboot, because, ...effective } = await bringIntoEffect(work, before);
  const operations = [...fetched.operations, ...installed.operations, ...effective.operations];
  const said = [...installed.because, ...because];
  const { packagesAtFault } = installed;
  if (!after) return rollBack({ after, because: said, packagesAtFault, operations });

  saga('proving');
  if (!installed.succeeded && nothingChanged({ before, after }))
    return skippedBecause(installed.because, { after, snapshotId, operations });
  const { patches, reboot } = plan;
  const proof = judgePatched({ patches, before, after, rebootWasDue, bootIdBeforeReboot, reboot });
  if (proof.proven) return ended('patched', proof.because, { before, after, snapshotId, operations });
  return rollBack({
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
    const verdict = await machineActs(endpoint.taskQueue).takeSnapshot({ endpoint, snapshotId });
    await control.recordSnapshot({ clientId, cycleId, endpointId, snapshotId, usable: verdict.usable });
    return { ...verdict, snapshotId };
  } catch (failure) {
    return { usable: false, because: `no snapshot: ${failureInWords(failure)}`, snapshotId };
  }
}
