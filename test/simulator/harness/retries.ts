import type { temporal } from '@temporalio/proto';
import { type ProtoFailure, type RetryState, retryStates } from './failures.ts';
import { inMs } from './payloads.ts';

export type RetryPolicy = {
  readonly initialMs: number;
  readonly coefficient: number;
  readonly maximumMs: number;
  /** 0 for no limit. */
  readonly maximumAttempts: number;
  readonly nonRetryableTypes: readonly string[];
};

/** The policy of a command with the server's own values where it gives none. */
export function retryPolicyOf(given: temporal.api.common.v1.IRetryPolicy | null | undefined): RetryPolicy {
  const initialMs = inMs(given?.initialInterval) || 1000;
  return {
    initialMs,
    coefficient: given?.backoffCoefficient || 2,
    maximumMs: inMs(given?.maximumInterval) || initialMs * 100,
    maximumAttempts: given?.maximumAttempts ?? 0,
    nonRetryableTypes: given?.nonRetryableErrorTypes ?? [],
  };
}

/** When to try again after an attempt has failed, or why not. */
export function nextRetry(
  policy: RetryPolicy,
  { attempt, failure, now, deadline }: { attempt: number; failure: ProtoFailure; now: number; deadline: number },
): { readonly inMs: number } | { readonly never: RetryState } {
  if (policy.maximumAttempts > 0 && attempt >= policy.maximumAttempts) return { never: retryStates.maximumAttempts };
  const info = failure.applicationFailureInfo;
  if (info?.nonRetryable || (info?.type && policy.nonRetryableTypes.includes(info.type)))
    return { never: retryStates.nonRetryable };
  const delay = inMs(info?.nextRetryDelay) ?? backoff(policy, attempt);
  return now + delay > deadline ? { never: retryStates.timeout } : { inMs: delay };
}

function backoff({ initialMs, coefficient, maximumMs }: RetryPolicy, attempt: number): number {
  return Math.round(Math.min(initialMs * coefficient ** (attempt - 1), maximumMs));
}
