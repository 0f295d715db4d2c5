/** Failures as Temporal carries them, made as server and core make them, and read for the record. */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { msOptionalToNumber } from '@temporalio/common/lib/time.js';
import type { temporal } from '@temporalio/proto';
import type { FailureSpec, TimeoutType } from './interface.ts';
import { asSpan, decodedAll, encodedAll, inMs } from './payloads.ts';

export type ProtoFailure = temporal.api.failure.v1.IFailure;

/** Why there is no further attempt, by the numbers of the protocol. */
export const retryStates = { nonRetryable: 2, timeout: 3, maximumAttempts: 4, cancelRequested: 7 } as const;
export type RetryState = (typeof retryStates)[keyof typeof retryStates];

const timeoutTypes = { 'start to close': 1, 'schedule to start': 2, 'schedule to close': 3, heartbeat: 4 } as const;
const timeoutNames = {
  'start to close': 'StartToClose',
  'schedule to start': 'ScheduleToStart',
  'schedule to close': 'ScheduleToClose',
  heartbeat: 'Heartbeat',
} as const;

export function applicationFailure(spec: FailureSpec): ProtoFailure {
  return {
    message: spec.message,
    source: 'TypeScriptSDK',
    cause: spec.cause ? applicationFailure(spec.cause) : undefined,
    applicationFailureInfo: {
      type: spec.type ?? 'Error',
      nonRetryable: spec.nonRetryable ?? false,
      details: spec.details ? { payloads: encodedAll(spec.details) } : undefined,
      nextRetryDelay: spec.nextRetryDelayMs === undefined ? undefined : asSpan(spec.nextRetryDelayMs),
      category: spec.benign ? 1 : 0,
    },
  };
}

export function timeoutFailure(timeout: TimeoutType): ProtoFailure {
  return {
    message: `activity ${timeoutNames[timeout]} timeout`,
    source: 'Server',
    timeoutFailureInfo: { timeoutType: timeoutTypes[timeout] },
  };
}

export function cancelledFailure(message = ''): ProtoFailure {
  return { message, canceledFailureInfo: {} };
}

export function terminatedFailure(): ProtoFailure {
  return { message: 'Terminated', terminatedFailureInfo: {} };
}

/** A failure with an activity around it, as core hands it to the workflow. */
export function activityFailure(
  message: string,
  { activityType, activityId }: { readonly activityType: string; readonly activityId: string },
  retryState: RetryState,
  cause: ProtoFailure,
): ProtoFailure {
  return {
    message,
    cause,
    activityFailureInfo: { activityType: { name: activityType }, activityId, retryState, identity: 'harness' },
  };
}

/** A failure with a child workflow around it, as core hands it to the parent. */
export function childFailure(
  message: string,
  child: { readonly workflowId: string; readonly runId: string; readonly workflowType: string },
  cause: ProtoFailure,
): ProtoFailure {
  return {
    message,
    cause,
    childWorkflowExecutionFailureInfo: {
      namespace: 'default',
      workflowExecution: { workflowId: child.workflowId, runId: child.runId },
      workflowType: { name: child.workflowType },
      retryState: retryStates.nonRetryable,
    },
  };
}

/** What the record says of a failure. */
export function specOf(failure: ProtoFailure | null | undefined): FailureSpec {
  const info = failure?.applicationFailureInfo;
  const nextRetryDelayMs = inMs(info?.nextRetryDelay);
  return {
    message: failure?.message ?? '',
    type: failure ? typeOf(failure) : 'Error',
    ...(info?.nonRetryable ? { nonRetryable: true } : {}),
    ...(nextRetryDelayMs === null ? {} : { nextRetryDelayMs }),
    ...(Number(info?.category) === 1 ? { benign: true } : {}),
    ...(info?.details?.payloads?.length ? { details: decodedAll(info.details.payloads) } : {}),
    ...(failure?.cause ? { cause: specOf(failure.cause) } : {}),
  };
}

function typeOf(failure: ProtoFailure): string {
  if (failure.applicationFailureInfo) return failure.applicationFailureInfo.type ?? 'Error';
  if (failure.timeoutFailureInfo) return 'TimeoutFailure';
  if (failure.canceledFailureInfo) return 'CancelledFailure';
  if (failure.terminatedFailureInfo) return 'TerminatedFailure';
  if (failure.activityFailureInfo) return 'ActivityFailure';
  if (failure.childWorkflowExecutionFailureInfo) return 'ChildWorkflowFailure';
  return 'Failure';
}

/** An ApplicationFailure that an activity threw; any other error is the world's own and goes on. */
export function specOfThrown(error: unknown): FailureSpec {
  if (!(error instanceof ApplicationFailure)) throw error;
  const nextRetryDelayMs = msOptionalToNumber(error.nextRetryDelay);
  return {
    message: error.message,
    type: error.type ?? 'Error',
    nonRetryable: error.nonRetryable ?? false,
    ...(nextRetryDelayMs === undefined ? {} : { nextRetryDelayMs }),
    benign: error.category === ApplicationFailureCategory.BENIGN,
    ...(error.details?.length ? { details: error.details } : {}),
    ...(error.cause instanceof ApplicationFailure ? { cause: specOfThrown(error.cause) } : {}),
  };
}
