/**
 * Rolls the change record out to one ring: starts each endpoint when it is admitted, hands those that are offline to
 * their catch-up, lets the ring soak, and asks for the gate's verdict.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  ParentClosePolicy,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { EndpointOrder, RingAdmission, RingEnd, RingOrder } from '../domain/cycle.ts';
import { catchUp } from './catch-up.ts';
import { lookAgain, ringHeld } from './messages.ts';
import { patchEndpoint } from './patch-endpoint.ts';
import { endpointAttributes } from './search-attributes.ts';
import { bookkeeping, control, glances, questions } from './stubs.ts';

export async function ringRollout(order: RingOrder): Promise<RingEnd> {
  let nudges = 0;
  setHandler(
    lookAgain,
    () => {
      nudges += 1;
    },
    { description: 'Something this ring waits for may have changed.' },
  );

  const abandoned = await admitAndPatch(order, () => nudges);
  if (!abandoned) await handOverStragglers(order);
  await soak(order);
  return { ...(await control.judgeRing(order)), abandoned };
}

/** Null when everybody has ended or goes on with a catch-up; the halts that nobody released while members waited. */
async function admitAndPatch(order: RingOrder, nudges: () => number): Promise<readonly string[] | null> {
  const inFlight = new Set<string>();
  /** Answered when asked whether they are there, and not when their turn came: their catch-up goes on with them. */
  const fellSilent = new Set<string>();
  let ends = 0;
  try {
    for (;;) {
      const seen = { nudges: nudges(), ends };
      const drains = workflowInfo().continueAsNewSuggested;
      if (drains && inFlight.size === 0) await continueAsNew<typeof ringRollout>(order);
      // Not cut off: an admission that was made must be heard of.
      const admission = await CancellationScope.nonCancellable(() => admitSome(drains));
      for (const endpoint of admission.start) void start(endpoint);
      const { lookAgainInSeconds } = admission;
      if (inFlight.size === 0 && lookAgainInSeconds === null) {
        const hold = await control.holdOn({ cycleId: order.cycleId, ring: order.ring });
        if (!hold || hold.secondsLeft <= 0) return hold && hold.because;
        await getExternalWorkflowHandle(order.cycleId)
          .signal(ringHeld)
          .catch(() => undefined);
        const summary = `ring ${order.ring} is halted`;
        await condition(() => nudges() > seen.nudges, `${hold.secondsLeft} seconds`, { summary });
        continue;
      }
      await condition(
        () => nudges() > seen.nudges || ends > seen.ends,
        lookAgainInSeconds === null ? '1 hour' : `${lookAgainInSeconds} seconds`,
        { summary: `ring ${order.ring}: ${inFlight.size} in flight` },
      );
    }
  } catch (failure) {
    // Cancelled: nothing more is started, and what has started comes to its end before the ring does.
    await CancellationScope.nonCancellable(() => condition(() => inFlight.size === 0));
    throw failure;
  }

  async function admitSome(drains: boolean): Promise<RingAdmission> {
    if (drains) return { start: [], lookAgainInSeconds: null, inWords: [] };
    const { asked, answered } = await whoAnswers(order);
    const online = answered.filter((endpointId) => !fellSilent.has(endpointId));
    const admission = await bookkeeping.admit({ order, asked, online, inFlight: [...inFlight] });
    setCurrentDetails(admission.inWords.map((line) => `- ${line}`).join('\n'));
    return admission;
  }

  async function start(endpoint: EndpointOrder): Promise<void> {
    inFlight.add(endpoint.endpointId);
    const end = await patchEndpoint(endpoint);
    if (end?.waitingFor === 'offline') fellSilent.add(endpoint.endpointId);
    inFlight.delete(endpoint.endpointId);
    ends += 1;
  }
}

async function whoAnswers(
  order: RingOrder,
): Promise<{ readonly asked: readonly string[]; readonly answered: readonly string[] }> {
  const sites = await control.ringMembersToAsk(order);
  const answers = await Promise.all(
    sites.map(({ taskQueue, agents }) =>
      glances(taskQueue)
        .whoAnswers({ agents })
        .catch(() => []),
    ),
  );
  const asked = sites.flatMap(({ agents }) => agents.map(({ endpointId }) => endpointId));
  return { asked, answered: answers.flat() };
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

/**
 * Watches the ring until its soak has run from the last verified endpoint; a regression found in it counts. Checks that
 * cannot be made are no health data, which the gate takes for a reason to hold.
 */
async function soak(order: RingOrder): Promise<void> {
  for (;;) {
    const watch = await control.soakWatch(order);
    await Promise.all(
      watch.sites.map(async ({ taskQueue, endpoints }) => {
        const results = await questions(taskQueue)
          .runChecks({ endpoints })
          .catch(() => endpoints.map(({ endpointId }) => ({ endpointId, results: null })));
        await control.recordSoakChecks({ order, at: new Date().toISOString(), results });
      }),
    );
    if (watch.remainingSeconds <= 0) return;
    await sleep(`${Math.min(watch.remainingSeconds, watch.everySeconds)} seconds`, {
      summary: `soaks for another ${watch.remainingSeconds} s`,
    });
  }
}
