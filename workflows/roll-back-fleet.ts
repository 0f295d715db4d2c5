/**
 * Carries out one order to roll back: a child for each endpoint, site by site under the same budget as any other work,
 * the newest ring first. It stands beside the cycle and outlives it; what it has started it brings to an end.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  ContinueAsNew,
  ParentClosePolicy,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { EndpointEnd, EndpointOrder, RollBackEnd, RollBackOrder } from '../domain/cycle.ts';
import { targetInWords } from '../domain/halt.ts';
import { lookAgain } from './messages.ts';
import { rollBackEndpoint } from './patch-endpoint.ts';
import { bookkeeping } from './stubs.ts';

/** An operator reads the first few of those that were not put back. */
const wordsAtMost = 20;

type SoFar = {
  /** Number of endpoints for each outcome. */
  readonly endpoints: Record<string, number>;
  readonly because: string[];
  /** Those that could not be put back. */
  readonly tried: string[];
};

export async function rollBackFleet(
  order: RollBackOrder,
  soFar: SoFar = { endpoints: {}, because: [], tried: [] },
): Promise<RollBackEnd> {
  let nudges = 0;
  setHandler(
    lookAgain,
    () => {
      nudges += 1;
    },
    { description: 'Something this roll-back waits for may have changed.' },
  );
  try {
    await putBackAll(order, soFar, () => nudges);
  } catch (failure) {
    // Cancelled: what was done is on record.
    if (!(failure instanceof ContinueAsNew)) await close(order, soFar);
    throw failure;
  }
  return close(order, soFar);
}

async function putBackAll(order: RollBackOrder, soFar: SoFar, nudges: () => number): Promise<void> {
  const inFlight = new Set<string>();
  let ends = 0;
  try {
    for (;;) {
      const seen = { nudges: nudges(), ends };
      const drains = workflowInfo().continueAsNewSuggested;
      if (drains && inFlight.size === 0) await continueAsNew<typeof rollBackFleet>(order, soFar);
      // Not cut off: an admission that was made must be heard of.
      const admission = await CancellationScope.nonCancellable(() => admitSome(drains));
      for (const endpoint of admission.start) void start(endpoint);
      const { lookAgainInSeconds } = admission;
      if (inFlight.size === 0 && lookAgainInSeconds === null) return;
      await condition(
        () => nudges() > seen.nudges || ends > seen.ends,
        lookAgainInSeconds === null ? '1 hour' : `${lookAgainInSeconds} seconds`,
        { summary: `${inFlight.size} endpoints are put back` },
      );
    }
  } catch (failure) {
    await CancellationScope.nonCancellable(() => condition(() => inFlight.size === 0));
    throw failure;
  }

  async function admitSome(drains: boolean) {
    if (drains) return { start: [], lookAgainInSeconds: null };
    const admission = await bookkeeping.admitRollBacks({ order, inFlight: [...inFlight], tried: soFar.tried });
    setCurrentDetails(admission.inWords.map((line) => `- ${line}`).join('\n'));
    return admission;
  }

  async function start(endpoint: EndpointOrder): Promise<void> {
    const { endpointId } = endpoint;
    inFlight.add(endpointId);
    const end = await rollBackEndpoint({ ...endpoint, word: order.word });
    if (end) count(soFar, endpointId, end);
    if (end?.outcome !== 'rolled_back')
      await CancellationScope.nonCancellable(() => bookkeeping.giveBackRollBack({ order, endpointId }));
    inFlight.delete(endpointId);
    ends += 1;
  }
}

function count(soFar: SoFar, endpointId: string, end: EndpointEnd): void {
  const outcome = end.outcome === null || end.outcome === 'patched' ? 'not put back' : end.outcome;
  soFar.endpoints[outcome] = (soFar.endpoints[outcome] ?? 0) + 1;
  if (outcome === 'rolled_back') return;
  soFar.tried.push(endpointId);
  if (soFar.because.length < wordsAtMost) soFar.because.push(`${endpointId}: ${end.because.join('; ')}`);
}

function close(order: RollBackOrder, { endpoints, because }: SoFar): Promise<RollBackEnd> {
  return CancellationScope.nonCancellable(async () => {
    const end = { orderId: order.orderId, endpoints, because };
    const closed = await bookkeeping.closeRollBack({ order, end });
    // The client's report tells of it; one that cannot be written is no reason to do anything again.
    await bookkeeping.writeReports({ cycleId: order.cycleId }).catch(() => undefined);
    return closed;
  });
}

/** Starts the workflow that carries an order out; it goes on whatever becomes of who started it. */
export async function startRollBack(order: RollBackOrder): Promise<void> {
  try {
    await startChild(rollBackFleet, {
      workflowId: order.orderId,
      args: [order],
      staticSummary: `rolls back ${targetInWords(order.target)}`,
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  } catch (failure) {
    if (!(failure instanceof WorkflowExecutionAlreadyStartedError)) throw failure;
  }
}
