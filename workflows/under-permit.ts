import { patchName } from '../domain/patch.ts';
import { ActivityFailure, ApplicationFailure, TimeoutFailure, sleep } from '@temporalio/workflow';
import type { EndpointReference } from '../domain/rollout/cycle.ts';
import type { OperationBody, OperationReport } from '../domain/endpoints/operation.ts';
import { failureInWords } from './failures.ts';
import { effects, operationStatus, permits, siteWorkerWait } from './stubs.ts';
import { siteOf } from '../domain/ids.ts';

/** An effect in the name of a cycle: what it is for makes its id, so that it happens at most once. */
export type Effect = {
  readonly clientId: string;
  readonly cycleId: string;
  readonly endpoint: EndpointReference;
  /** What it is for, in the cycle: `install`, `reboot`. */
  readonly step: string;
  readonly planDigest: string;
  readonly generation: number;
  readonly body: OperationBody;
  readonly withinMinutes: number;
  /** Brings something that was started to a known state: a halt does not stop it. */
  readonly finishes: boolean;
};

/** `halted`: no permit was given, and nothing was submitted. */
export type EffectResult = { readonly halted: readonly string[] } | { readonly report: OperationReport };

const pauseSeconds = 5;

/**
 * Submits an effect under a fresh permit and waits for its end. When the worker took it up too late, died, or found the
 * agent busy, the agent is asked whether it knows the effect; only one that it does not know needs another permit.
 * Throws ActivityFailure when the agent refuses or does not answer, ApplicationFailure when it is never free.
 */
export async function carryOut(effect: Effect): Promise<EffectResult> {
  const { clientId, cycleId, endpoint, finishes, withinMinutes, body } = effect;
  const { endpointId } = endpoint;
  const siteId = siteOf(endpoint);
  const patches =
    'patches' in body ? body.patches.map((patch) => patchName({ package: patch.package, version: patch.to })) : [];
  const until = Date.now() + withinMinutes * 60_000;
  for (;;) {
    const permitAskedAt = Date.now();
    const permit = await permits.issuePermit({ clientId, cycleId, endpointId, siteId, patches, finishes });
    if ('refusedBecause' in permit) return { halted: permit.refusedBecause };
    const summary = `${effect.step} on ${endpoint.endpointId}`;
    let because: string;
    try {
      const submitted = effects(endpoint.taskQueue, withinMinutes).carryOutOperation;
      return { report: await submitted.executeWithOptions({ summary }, [{ ...effect, permit, permitAskedAt }]) };
    } catch (failure) {
      if (!permitWasSpent(failure)) throw failure;
      because = failureInWords(failure);
    }
    await untilSiteAnswers(endpoint.taskQueue);
    const report = await operationStatus(endpoint.taskQueue, withinMinutes).followOperation.executeWithOptions(
      { summary },
      [effect],
    );
    if (report) return { report };
    if (Date.now() > until) throw ApplicationFailure.nonRetryable(because);
    await sleep(`${pauseSeconds} seconds`, { summary: because });
  }
}

/** Waits for a site's worker to take work: that it is away says nothing of its endpoints. */
export async function untilSiteAnswers(taskQueue: string): Promise<void> {
  await siteWorkerWait(taskQueue).pingWorker.executeWithOptions({ summary: `waits for the site's worker` }, []);
}

function permitWasSpent(failure: unknown): boolean {
  if (!(failure instanceof ActivityFailure)) return false;
  const { cause } = failure;
  if (cause instanceof TimeoutFailure) return cause.timeoutType === 'SCHEDULE_TO_START';
  return cause instanceof ApplicationFailure && cause.type === 'PermitSpent';
}
