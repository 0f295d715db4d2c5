import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { CancellationScope, ParentClosePolicy, executeChild, isCancellation, sleep } from '@temporalio/workflow';
import type { EndpointEnd, EndpointOrder } from '../domain/cycle.ts';
import { endpointPatch } from './endpoint-patch.ts';
import { failureInWords } from './failures.ts';
import { endpointAttributes } from './search-attributes.ts';
import { control } from './stubs.ts';

/** How long to wait before an endpoint that another cycle holds is asked for again. */
const lockSeconds = 15;

/**
 * Patches one admitted endpoint as a child whose id is the lock. Null when it did not come to an end: somebody else is
 * at work on it, so its turn comes later, or nobody knows how the work ended, which is recorded. Never throws.
 */
export async function patchEndpoint(endpoint: EndpointOrder): Promise<EndpointEnd | null> {
  try {
    return await executeChild(endpointPatch, {
      workflowId: `endpoint/${endpoint.clientId}/${endpoint.endpointId}`,
      args: [endpoint],
      staticSummary: `${endpoint.endpointId}, ring ${endpoint.ring}`,
      typedSearchAttributes: endpointAttributes(endpoint),
      // What it has started it brings to a known state, whatever becomes of who asked for it.
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    });
  } catch (failure) {
    if (failure instanceof WorkflowExecutionAlreadyStartedError) return waitForLock(endpoint);
    const because = isCancellation(failure) ? 'the cycle was cancelled' : failureInWords(failure);
    await CancellationScope.nonCancellable(() =>
      isCancellation(failure)
        ? control.giveBackAdmission({ endpoint, because })
        : control.recordUnknown({ endpoint, because }),
    );
    return null;
  }
}

async function waitForLock(endpoint: EndpointOrder): Promise<null> {
  const because = 'another cycle holds the endpoint';
  await CancellationScope.nonCancellable(() => control.giveBackAdmission({ endpoint, because }));
  const summary = `${endpoint.endpointId}: ${because}`;
  await sleep(`${lockSeconds} seconds`, { summary }).catch(() => undefined);
  return null;
}
