/**
 * The procedure for one endpoint: look, fetch, snapshot, install, reboot where due, prove it, or put it back.
 *
 * The workflow's id, endpoint/CLIENT/ENDPOINT, is the lock: nobody else works on the endpoint meanwhile. What was
 * started is brought to a known state even when the cycle is cancelled. Whatever an install says of itself, only what
 * is observed afterwards decides.
 */
import { CancellationScope, setCurrentDetails } from '@temporalio/workflow';
import type { EndpointEnd, EndpointOrder } from '../domain/cycle.ts';
import { judgePatched, judgeRestored, nothingChanged } from '../domain/endpoint-outcome.ts';
import type { Evidence } from '../domain/evidence.ts';
import { bringIntoEffect, install, observe, prefetch, type Work } from './endpoint-acts.ts';
import { failureInWords } from './failures.ts';
import { control, machines } from './stubs.ts';

export async function endpointPatch(order: EndpointOrder): Promise<EndpointEnd> {
  const plan = await control.openEndpoint(order);
  const work = { clientId: order.clientId, cycleId: order.cycleId, endpoint: order, plan };
  return CancellationScope.nonCancellable(async () => {
    const end = await patch(work);
    await control.closeEndpoint({ order, end });
    return end;
  });
}

async function patch(work: Work): Promise<EndpointEnd> {
  const { plan } = work;
  if (plan.patches.length === 0) return ended('unchanged', ['nothing was due']);

  say('looks at the endpoint before anything is done');
  const before = await observe(work, null, 1).catch(() => null);
  if (!before) return { ...ended(null, ['its agent did not answer when its turn came']), waitingFor: 'offline' };

  say('fetches the packages');
  const fetched = await prefetch(work);
  if (!fetched.succeeded) return ended('skipped', ['nothing was installed', ...fetched.because], { before });

  say('takes a snapshot and verifies it');
  const snapshot = await takeSnapshot(work);
  if (!snapshot.usable) return ended('skipped', ['nothing was installed', snapshot.because], { before });

  // The way back is there before the act, and harmless when nothing was done.
  const putBack = (because: readonly string[], packagesAtFault: readonly string[]) =>
    restore(work, before, because, packagesAtFault);

  say('installs');
  const installed = await install(work);
  if (installed.halted) return ended('skipped', ['nothing was installed', ...installed.because], { before });

  say('brings it into effect and proves that everything works');
  const { after, rebootWasDue, because } = await bringIntoEffect(work, before);
  if (!after) return putBack([...installed.because, ...because], installed.packagesAtFault);
  if (!installed.succeeded && nothingChanged({ before, after }))
    return ended('skipped', ['nothing was installed', ...installed.because], { before, after });

  const proof = judgePatched({ patches: plan.patches, before, after, rebootWasDue, reboot: plan.reboot });
  if (!proof.proven)
    return putBack(
      [...installed.because, ...because, ...proof.because],
      [...installed.packagesAtFault, ...proof.packagesAtFault],
    );
  return ended('patched', proof.because, { before, after, snapshotId: plan.snapshotId });
}

async function takeSnapshot({ endpoint, plan }: Work): Promise<{ readonly usable: boolean; readonly because: string }> {
  if (!plan.snapshotRequired) return { usable: true, because: 'the change record waives the snapshot' };
  try {
    return await machines(endpoint.taskQueue).takeSnapshot({ endpoint, snapshotId: plan.snapshotId });
  } catch (failure) {
    return { usable: false, because: `no snapshot: ${failureInWords(failure)}` };
  }
}

/** Puts the whole machine back and proves that. What cannot be put back, or proven, is quarantined for a person. */
async function restore(
  { clientId, cycleId, endpoint, plan }: Work,
  before: Evidence,
  because: readonly string[],
  packagesAtFault: readonly string[],
): Promise<EndpointEnd> {
  const { snapshotId } = plan;
  const found = { before, snapshotId, packagesAtFault };
  if (!plan.snapshotRequired)
    return ended('quarantined', [...because, 'there is no snapshot to go back to'], { ...found, snapshotId: null });

  say('puts the endpoint back as it was');
  const generation = await control.raiseGeneration({ clientId, cycleId, endpointId: endpoint.endpointId, plan });
  const restored = { clientId, cycleId, endpoint, plan: { ...plan, generation } };
  try {
    const purpose = `${cycleId}/${endpoint.endpointId}/generation-${generation}`;
    const { evidenceOfFailedState } = await machines(endpoint.taskQueue).restoreSnapshot({
      endpoint,
      snapshotId,
      purpose,
      generation,
    });
    const after = await observe(restored, before);
    const verdict = judgeRestored({ patches: plan.patches, before, after, failedBootId: null });
    return ended(verdict.restored ? 'rolled_back' : 'quarantined', [...because, ...verdict.because], {
      ...found,
      after,
      evidenceOfFailedState,
    });
  } catch (failure) {
    return ended('quarantined', [...because, `it could not be put back: ${failureInWords(failure)}`], found);
  }
}

function ended(
  outcome: EndpointEnd['outcome'],
  because: readonly string[],
  found: Partial<EndpointEnd> = {},
): EndpointEnd {
  return {
    outcome,
    waitingFor: null,
    because,
    packagesAtFault: [],
    before: null,
    after: null,
    snapshotId: null,
    evidenceOfFailedState: null,
    ...found,
  };
}

function say(doing: string): void {
  setCurrentDetails(`- ${doing}`);
}
