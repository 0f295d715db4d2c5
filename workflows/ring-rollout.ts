/**
 * Rolls the change record out to one ring: starts each endpoint when it is admitted, hands those that are offline to
 * their catch-up, lets the ring soak, and asks for the gate's verdict.
 */
import { catchUpWorkflowId } from '../domain/ids.ts';
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
import type { EndpointInput, RingAdmission, RingEnd, RingInput } from '../domain/rollout/cycle.ts';
import { catchUp } from './catch-up.ts';
import { lookAgain, ringHalted } from './messages.ts';
import { patchEndpoint } from './under-lock.ts';
import { endpointAttributes } from './search-attributes.ts';
import { controlBulk, control, presenceChecks, agentQueries } from './stubs.ts';

export async function ringRollout(input: RingInput): Promise<RingEnd> {
  let signals = 0;
  setHandler(
    lookAgain,
    () => {
      signals += 1;
    },
    { description: 'Something this ring waits for may have changed.' },
  );

  const abandoned = await admitAndPatch(input, () => signals);
  if (!abandoned) await handOverStragglers(input);
  await soak(input);
  return { ...(await control.judgeRing(input)), abandoned };
}

/**
 * Null when every endpoint has ended or continues with a catch-up; else the halts that were not resumed while members
 * waited.
 */
async function admitAndPatch(input: RingInput, signals: () => number): Promise<readonly string[] | null> {
  const inFlight = new Set<string>();
  /** Answered when asked whether they are there, and not when their turn came: their catch-up goes on with them. */
  const fellSilent = new Set<string>();
  let ends = 0;
  try {
    for (;;) {
      const seen = { signals: signals(), ends };
      const draining = workflowInfo().continueAsNewSuggested;
      if (draining && inFlight.size === 0) await continueAsNew<typeof ringRollout>(input);
      // Not cancelled: an admission that was made must become known here.
      const admission = await CancellationScope.nonCancellable(() => admitSome(draining));
      for (const endpoint of admission.start) void start(endpoint);
      const { lookAgainInSeconds } = admission;
      if (inFlight.size === 0 && lookAgainInSeconds === null) {
        const halts = await control.haltsOn({ cycleId: input.cycleId, ring: input.ring });
        if (!halts || halts.secondsRemaining <= 0) return halts && halts.because;
        await getExternalWorkflowHandle(input.cycleId)
          .signal(ringHalted)
          .catch(() => undefined);
        const summary = `ring ${input.ring} is halted`;
        await condition(() => signals() > seen.signals, `${halts.secondsRemaining} seconds`, { summary });
        continue;
      }
      await condition(
        () => signals() > seen.signals || ends > seen.ends,
        lookAgainInSeconds === null ? '1 hour' : `${lookAgainInSeconds} seconds`,
        { summary: `ring ${input.ring}: ${inFlight.size} in flight` },
      );
    }
  } catch (failure) {
    // Cancelled: nothing more is started, and what has started comes to its end before the ring does.
    await CancellationScope.nonCancellable(() => condition(() => inFlight.size === 0));
    throw failure;
  }

  async function admitSome(draining: boolean): Promise<RingAdmission> {
    if (draining) return { start: [], lookAgainInSeconds: null, inWords: [] };
    const { asked, answered } = await membersThatAnswer(input);
    const online = answered.filter((endpointId) => !fellSilent.has(endpointId));
    const admission = await controlBulk.admit({ input, asked, online, inFlight: [...inFlight] });
    setCurrentDetails(admission.inWords.map((line) => `- ${line}`).join('\n'));
    return admission;
  }

  async function start(endpoint: EndpointInput): Promise<void> {
    inFlight.add(endpoint.endpointId);
    const end = await patchEndpoint(endpoint);
    if (end?.waitingFor === 'offline') fellSilent.add(endpoint.endpointId);
    inFlight.delete(endpoint.endpointId);
    ends += 1;
  }
}

async function membersThatAnswer(
  input: RingInput,
): Promise<{ readonly asked: readonly string[]; readonly answered: readonly string[] }> {
  const sites = await control.ringMembersToAsk(input);
  const answers = await Promise.all(
    sites.map(({ taskQueue, agents }) =>
      presenceChecks(taskQueue)
        .endpointsThatAnswer({ agents })
        .catch(() => []),
    ),
  );
  const asked = sites.flatMap(({ agents }) => agents.map(({ endpointId }) => endpointId));
  return { asked, answered: answers.flat() };
}

/**
 * What waits outlives the ring: a catch-up of its own for each endpoint, until it is patched or its deadline passes.
 */
async function handOverStragglers(input: RingInput): Promise<void> {
  for (const straggler of await control.stragglersOf(input)) {
    try {
      await startChild(catchUp, {
        workflowId: catchUpWorkflowId(straggler),
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
async function soak(input: RingInput): Promise<void> {
  for (;;) {
    const watch = await control.soakWatch(input);
    await Promise.all(
      watch.sites.map(async ({ taskQueue, endpoints }) => {
        const results = await agentQueries(taskQueue)
          .runChecks({ endpoints })
          .catch(() => endpoints.map(({ endpointId }) => ({ endpointId, results: null })));
        await control.recordSoakChecks({ input, at: new Date().toISOString(), results });
      }),
    );
    if (watch.remainingSeconds <= 0) return;
    await sleep(`${Math.min(watch.remainingSeconds, watch.everySeconds)} seconds`, {
      summary: `soaks for another ${watch.remainingSeconds} s`,
    });
  }
}
