import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  TimeoutFailure,
  isCancellation,
} from '@temporalio/workflow';

/** What a failure says to an operator: the innermost sentence, without the engine's wrapping. */
export function failureInWords(failure: unknown): string {
  if (isCancellation(failure)) return 'it was cancelled';
  if (failure instanceof ActivityFailure) {
    if (failure.cause instanceof TimeoutFailure) return `${failure.activityType} did not end in its time`;
    return failureInWords(failure.cause);
  }
  if (failure instanceof ChildWorkflowFailure) return failureInWords(failure.cause);
  if (failure instanceof ApplicationFailure && failure.cause)
    return `${failure.message}: ${failureInWords(failure.cause)}`;
  const words = failure instanceof Error ? failure.message : String(failure);
  // It becomes a clause among others.
  return words.replace(/\.$/, '');
}
