import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { EndpointReference } from '../domain/cycle.ts';
import type { OperationBody, OperationReport } from '../domain/operation.ts';
import { effects, permits, questions } from './stubs.ts';

/** An effect in the name of a cycle: what it is for makes its id, so that it happens at most once. */
export type Effect = {
  readonly clientId: string;
  readonly cycleId: string;
  readonly endpoint: EndpointReference;
  /** What it is for, in the cycle: `install`, `reboot after install`. */
  readonly step: string;
  readonly planDigest: string;
  readonly generation: number;
  readonly body: OperationBody;
  readonly withinMinutes: number;
};

/** `halted`: no permit was given, so nothing was submitted. */
export type EffectResult = { readonly halted: readonly string[] } | { readonly report: OperationReport };

/**
 * Submits an effect under a fresh permit and waits for its end. When the worker took it up too late, or died before
 * it submitted, the halts are read again before another try.
 * Throws ActivityFailure when the agent refuses, or does not answer within the time.
 */
export async function carryOut(effect: Effect): Promise<EffectResult> {
  for (;;) {
    const permit = await permits.issuePermit({ clientId: effect.clientId, cycleId: effect.cycleId });
    if ('refusedBecause' in permit) return { halted: permit.refusedBecause };
    try {
      const report = await effects(
        effect.endpoint.taskQueue,
        effect.withinMinutes,
      ).carryOutOperation.executeWithOptions({ summary: `${effect.step} on ${effect.endpoint.endpointId}` }, [
        { ...effect, permit },
      ]);
      return { report };
    } catch (failure) {
      if (!permitWasSpent(failure)) throw failure;
    }
    await questions(effect.endpoint.taskQueue).standReady.executeWithOptions(
      { summary: `waits for the site's worker`, scheduleToCloseTimeout: '7 days' },
      [],
    );
  }
}

function permitWasSpent(failure: unknown): boolean {
  if (!(failure instanceof ActivityFailure)) return false;
  const { cause } = failure;
  if (cause instanceof TimeoutFailure) return cause.timeoutType === 'SCHEDULE_TO_START';
  return cause instanceof ApplicationFailure && cause.type === 'PermitSpent';
}
