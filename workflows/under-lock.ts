/** Work on one admitted endpoint, as a child whose id is the lock: nobody else works on it meanwhile. */
import { endpointWorkflowId } from '../domain/ids.ts';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { CancellationScope, ParentClosePolicy, executeChild, isCancellation, sleep } from '@temporalio/workflow';
import type { EndpointInput, SignOff } from '../domain/rollout/cycle.ts';
import { endpointPatch } from './endpoint-patch.ts';
import { endpointRollback } from './endpoint-rollback.ts';
import { failureInWords } from './failures.ts';
import { endpointAttributes } from './search-attributes.ts';
import { control } from './stubs.ts';
import type { EndpointEnd } from '../domain/endpoints/end.ts';

/** How long to wait before an endpoint that another workflow holds is asked for again. */
const lockSeconds = 15;

/**
 * Patches one admitted endpoint. Null when it did not come to an end: another workflow is at work on it, so its turn
 * comes later, or it is not known how the work ended, which is recorded. Never throws.
 */
export async function patchEndpoint(endpoint: EndpointInput): Promise<EndpointEnd | null> {
  try {
    const staticSummary = `${endpoint.endpointId}, ring ${endpoint.ring}`;
    return await executeChild(endpointPatch, { ...underLock(endpoint), args: [endpoint], staticSummary });
  } catch (failure) {
    if (failure instanceof WorkflowExecutionAlreadyStartedError || isCancellation(failure)) {
      const held = failure instanceof WorkflowExecutionAlreadyStartedError;
      const because = held ? 'another cycle holds the endpoint' : 'the cycle was cancelled';
      await CancellationScope.nonCancellable(() => control.withdrawAdmission({ endpoint, because }));
      return held ? waitForLock(endpoint, because) : null;
    }
    return recordUnknown(endpoint, failure);
  }
}

/**
 * Rolls one patched endpoint back that was admitted for it (it is `rolling back`). `patched` when it was left as it is:
 * the caller withdraws the admission. Null as above. Never throws.
 */
export async function rollBackEndpoint(
  input: EndpointInput & { readonly signOff: SignOff },
): Promise<EndpointEnd | null> {
  try {
    const staticSummary = `${input.endpointId}, rolled back by order of ${input.signOff.who}`;
    return await executeChild(endpointRollback, { ...underLock(input), args: [input], staticSummary });
  } catch (failure) {
    if (failure instanceof WorkflowExecutionAlreadyStartedError)
      return waitForLock(input, 'another workflow works on the endpoint');
    return isCancellation(failure) ? null : recordUnknown(input, failure);
  }
}

function underLock(endpoint: EndpointInput) {
  return {
    workflowId: endpointWorkflowId(endpoint),
    typedSearchAttributes: endpointAttributes(endpoint),
    // It brings what it has started to a known state, whatever becomes of its parent.
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  };
}

async function waitForLock({ endpointId }: EndpointInput, because: string): Promise<null> {
  const summary = `${endpointId}: ${because}`;
  await sleep(`${lockSeconds} seconds`, { summary }).catch(() => undefined);
  return null;
}

async function recordUnknown(endpoint: EndpointInput, failure: unknown): Promise<null> {
  const because = failureInWords(failure);
  await CancellationScope.nonCancellable(() => control.recordUnknown({ endpoint, because }));
  return null;
}
