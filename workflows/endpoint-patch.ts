/**
 * The procedure for one endpoint: look, fetch, snapshot, install, reboot where due, prove it, or put it back.
 *
 * The workflow's id, endpoint/CLIENT/ENDPOINT, is the lock: nobody else works on the endpoint meanwhile. What was
 * started is brought to a known state even when the cycle is cancelled or halted. Whatever an install says of itself,
 * only what is observed afterwards decides.
 */
import { CancellationScope, setCurrentDetails } from '@temporalio/workflow';
import type { EndpointEnd, EndpointOrder } from '../domain/cycle.ts';
import { judgePatched, judgeRestored, nothingChanged } from '../domain/endpoint-outcome.ts';
import type { Evidence } from '../domain/evidence.ts';
import { bringIntoEffect, install, observe, prefetch, type Work } from './endpoint-acts.ts';
import { failureInWords } from './failures.ts';
import { control, machines } from './stubs.ts';
import { untilSiteAnswers } from './under-permit.ts';

export async function endpointPatch(order: EndpointOrder): Promise<EndpointEnd> {
  const cycle = CancellationScope.current();
  return CancellationScope.nonCancellable(async () => {
    const plan = await control.openEndpoint(order);
    const { clientId, cycleId } = order;
    const work = { clientId, cycleId, endpoint: order, plan };
    const end = await patch(work, () => cycle.consideredCancelled);
    await control.closeEndpoint({ order, end });
    return end;
  });
}

async function patch(work: Work, cancelled: () => boolean): Promise<EndpointEnd> {
  const { plan } = work;
  if (plan.patches.length === 0) return ended(plan.withoutPatches.outcome, plan.withoutPatches.because);

  say('looks at the endpoint before anything is done');
  const before = await observe(work, null).catch(() => null);
  if (!before) return { ...ended(null, ['its agent did not answer when its turn came']), waitingFor: 'offline' };
  const leave = (because: readonly string[], found: Partial<EndpointEnd> = {}) =>
    ended('skipped', ['nothing was installed', ...because], { before, ...found });

  say('fetches the packages');
  const fetched = await prefetch(work, 'prefetch');
  if (!fetched.succeeded) return leave(fetched.because);
  if (cancelled()) return leave(['the cycle was cancelled']);

  say('takes a snapshot and verifies it');
  const snapshot = await takeSnapshot(work);
  if (!snapshot.usable) return leave([snapshot.because]);
  const { snapshotId } = snapshot;
  if (cancelled()) return leave(['the cycle was cancelled'], { snapshotId });

  // The way back is there before the act, and harmless when nothing was done.
  const putBack = (found: Pick<EndpointEnd, 'after' | 'because' | 'packagesAtFault' | 'operations'>) =>
    restore(work, { before, snapshotId, ...found });

  say('installs');
  const installed = await install(work);
  if (installed.halted) return leave(installed.because, { snapshotId });

  say('brings it into effect and proves that everything works');
  const { after, rebootWasDue, because, ...effective } = await bringIntoEffect(work, before);
  const operations = [...fetched.operations, ...installed.operations, ...effective.operations];
  const said = [...installed.because, ...because];
  const { packagesAtFault } = installed;
  if (!after) return putBack({ after, because: said, packagesAtFault, operations });
  if (!installed.succeeded && nothingChanged({ before, after }))
    return leave(installed.because, { after, snapshotId, operations });

  const proof = judgePatched({ patches: plan.patches, before, after, rebootWasDue, reboot: plan.reboot });
  if (proof.proven) return ended('patched', proof.because, { before, after, snapshotId, operations });
  return putBack({
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

/** Puts the whole machine back and proves that. What cannot be put back, or proven, is quarantined for a person. */
async function restore(
  { clientId, cycleId, endpoint, plan }: Work,
  found: {
    readonly before: Evidence;
    readonly after: Evidence | null;
    readonly snapshotId: string | null;
    readonly because: readonly string[];
    readonly packagesAtFault: readonly string[];
    readonly operations: EndpointEnd['operations'];
  },
): Promise<EndpointEnd> {
  const { before, snapshotId, because } = found;
  if (snapshotId === null) return ended('quarantined', [...because, 'there is no snapshot to go back to'], found);

  say('puts the endpoint back as it was');
  const generation = await control.raiseGeneration({ clientId, endpointId: endpoint.endpointId, plan });
  const restored = { clientId, cycleId, endpoint, plan: { ...plan, generation } };
  try {
    await untilSiteAnswers(endpoint.taskQueue);
    const { evidenceOfFailedState } = await machines(endpoint.taskQueue).restoreSnapshot({
      endpoint,
      snapshotId,
      purpose: `${cycleId}/${endpoint.endpointId}/generation-${generation}`,
      generation,
    });
    const after = await observe(restored, before);
    const failedBootId = found.after?.bootId ?? null;
    const verdict = judgeRestored({ patches: plan.patches, before, after, failedBootId });
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
  found: Partial<Omit<EndpointEnd, 'outcome' | 'because'>> = {},
): EndpointEnd {
  return {
    waitingFor: null,
    packagesAtFault: [],
    operations: [],
    before: null,
    after: null,
    snapshotId: null,
    evidenceOfFailedState: null,
    ...found,
    outcome,
    because,
  };
}

function say(doing: string): void {
  setCurrentDetails(`- ${doing}`);
}
