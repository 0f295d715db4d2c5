/**
 * Rolls the change record out to one ring: starts each endpoint when it is admitted, hands those that are offline to
 * their catch-up, lets the ring soak, and asks for the gate's verdict.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ParentClosePolicy,
  condition,
  executeChild,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
} from '@temporalio/workflow';
import type { EndpointOrder, RingOrder, RingResult } from '../domain/cycle.ts';
import { catchUp } from './catch-up.ts';
import { endpointPatch } from './endpoint-patch.ts';
import { failureInWords } from './failures.ts';
import { lookAgain } from './messages.ts';
import { endpointAttributes } from './search-attributes.ts';
import { control, questions } from './stubs.ts';

/** How long to wait before an endpoint that another cycle holds is asked for again. */
const lockSeconds = 15;

export async function ringRollout(order: RingOrder): Promise<RingResult> {
  let nudges = 0;
  setHandler(
    lookAgain,
    () => {
      nudges += 1;
    },
    { description: 'Something this ring waits for may have changed.' },
  );

  await admitAndPatch(order, () => nudges);
  await handOverStragglers(order);
  await soak(order);
  return control.judgeRing(order);
}

async function admitAndPatch(order: RingOrder, nudges: () => number): Promise<void> {
  const inFlight = new Set<string>();
  for (;;) {
    const seen = { nudges: nudges(), inFlight: inFlight.size };
    const online = await whoAnswers(order);
    const admission = await control.admit({ order, online, inFlight: [...inFlight] });
    setCurrentDetails(admission.inWords.map((line) => `- ${line}`).join('\n'));
    for (const endpoint of admission.start) {
      inFlight.add(endpoint.endpointId);
      void patchEndpoint(endpoint).finally(() => inFlight.delete(endpoint.endpointId));
    }
    if (inFlight.size === 0 && admission.lookAgainInSeconds === null) return;
    if (admission.start.length > 0) seen.inFlight = inFlight.size;
    await condition(
      () => nudges() > seen.nudges || inFlight.size < seen.inFlight,
      admission.lookAgainInSeconds === null ? '1 hour' : `${admission.lookAgainInSeconds} seconds`,
      { summary: admission.inWords[0] ?? 'patching' },
    );
  }
}

/** Patches one endpoint as a child whose id is the lock. Somebody else at work on it means: its turn comes later. */
async function patchEndpoint(endpoint: EndpointOrder): Promise<void> {
  try {
    await executeChild(endpointPatch, {
      workflowId: `endpoint/${endpoint.clientId}/${endpoint.endpointId}`,
      args: [endpoint],
      staticSummary: `${endpoint.endpointId}, ring ${endpoint.ring}`,
      typedSearchAttributes: endpointAttributes(endpoint),
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    });
  } catch (failure) {
    if (!(failure instanceof WorkflowExecutionAlreadyStartedError))
      return control.recordUnknown({ endpoint, because: failureInWords(failure) });
    await sleep(lockSeconds * 1000, { summary: `${endpoint.endpointId} is held by another cycle` });
    await control.giveBackAdmission({ endpoint, because: 'another cycle holds the endpoint' });
  }
}

async function whoAnswers(order: RingOrder): Promise<readonly string[]> {
  const sites = await control.ringMembersToAsk(order);
  const answers = await Promise.all(
    sites.map(({ taskQueue, agents }) =>
      questions(taskQueue)
        .whoAnswers({ agents })
        .catch(() => []),
    ),
  );
  return answers.flat();
}

/** What waits outlives the ring: a catch-up of its own for each endpoint, until it is patched or its deadline passes. */
async function handOverStragglers(order: RingOrder): Promise<void> {
  for (const straggler of await control.stragglersOf(order)) {
    try {
      await startChild(catchUp, {
        workflowId: `catch-up/${order.cycleId}/${straggler.endpointId}`,
        args: [straggler],
        staticSummary: `${straggler.endpointId} is caught up when it can be`,
        typedSearchAttributes: endpointAttributes(straggler),
        parentClosePolicy: ParentClosePolicy.ABANDON,
      });
    } catch (failure) {
      if (!(failure instanceof WorkflowExecutionAlreadyStartedError)) throw failure;
    }
  }
}

/** Watches the ring until its soak has run from the last verified endpoint; a regression found in it counts. */
async function soak(order: RingOrder): Promise<void> {
  for (;;) {
    const watch = await control.soakWatch(order);
    await Promise.all(
      watch.sites.map(async ({ taskQueue, endpoints }) => {
        const results = await questions(taskQueue).runChecks({ endpoints });
        await control.recordSoakChecks({ order, results });
      }),
    );
    if (watch.remainingSeconds <= 0) return;
    await sleep(`${Math.min(watch.remainingSeconds, watch.everySeconds)} seconds`, {
      summary: `soaks for another ${watch.remainingSeconds} s`,
    });
  }
}
