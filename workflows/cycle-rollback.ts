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
import type { EndpointInput, RollbackEnd, RollbackOrder } from '../domain/rollout/cycle.ts';
import { targetInWords } from '../domain/rollout/halt.ts';
import { lookAgain } from './messages.ts';
import { rollBackEndpoint } from './under-lock.ts';
import { controlBulk } from './stubs.ts';
import type { EndpointEnd } from '../domain/endpoints/end.ts';

/** An operator reads the first few of those that were not rolled back. */
const linesShownAtMost = 20;

type SoFar = {
  /** Number of endpoints for each outcome. */
  readonly endpoints: Record<string, number>;
  readonly because: string[];
  /** Those that could not be rolled back. */
  readonly tried: string[];
};

export async function cycleRollback(
  order: RollbackOrder,
  soFar: SoFar = { endpoints: {}, because: [], tried: [] },
): Promise<RollbackEnd> {
  let signals = 0;
  setHandler(
    lookAgain,
    () => {
      signals += 1;
    },
    { description: 'Something this rollback waits for may have changed.' },
  );
  try {
    await rollBackAll(order, soFar, () => signals);
  } catch (failure) {
    // Cancelled: what was done is on record.
    if (!(failure instanceof ContinueAsNew)) await close(order, soFar);
    throw failure;
  }
  return close(order, soFar);
}

async function rollBackAll(order: RollbackOrder, soFar: SoFar, signals: () => number): Promise<void> {
  const inFlight = new Set<string>();
  let ends = 0;
  try {
    for (;;) {
      const seen = { signals: signals(), ends };
      const draining = workflowInfo().continueAsNewSuggested;
      if (draining && inFlight.size === 0) await continueAsNew<typeof cycleRollback>(order, soFar);
      // Not cancelled: an admission that was made must become known here.
      const admission = await CancellationScope.nonCancellable(() => admitSome(draining));
      for (const endpoint of admission.start) void start(endpoint);
      const { lookAgainInSeconds } = admission;
      if (inFlight.size === 0 && lookAgainInSeconds === null) return;
      await condition(
        () => signals() > seen.signals || ends > seen.ends,
        lookAgainInSeconds === null ? '1 hour' : `${lookAgainInSeconds} seconds`,
        { summary: `${inFlight.size} endpoints are rolled back` },
      );
    }
  } catch (failure) {
    await CancellationScope.nonCancellable(() => condition(() => inFlight.size === 0));
    throw failure;
  }

  async function admitSome(draining: boolean) {
    if (draining) return { start: [], lookAgainInSeconds: null };
    const admission = await controlBulk.admitRollbacks({ order, inFlight: [...inFlight], tried: soFar.tried });
    setCurrentDetails(admission.inWords.map((line) => `- ${line}`).join('\n'));
    return admission;
  }

  async function start(endpoint: EndpointInput): Promise<void> {
    const { endpointId } = endpoint;
    inFlight.add(endpointId);
    const end = await rollBackEndpoint({ ...endpoint, signOff: order.signOff });
    if (end) countEnd(soFar, endpointId, end);
    if (end?.outcome !== 'rolled_back')
      await CancellationScope.nonCancellable(() => controlBulk.withdrawRollback({ order, endpointId }));
    inFlight.delete(endpointId);
    ends += 1;
  }
}

function countEnd(soFar: SoFar, endpointId: string, end: EndpointEnd): void {
  const outcome = end.outcome === null || end.outcome === 'patched' ? 'not rolled back' : end.outcome;
  soFar.endpoints[outcome] = (soFar.endpoints[outcome] ?? 0) + 1;
  if (outcome === 'rolled_back') return;
  soFar.tried.push(endpointId);
  if (soFar.because.length < linesShownAtMost) soFar.because.push(`${endpointId}: ${end.because.join('; ')}`);
}

function close(order: RollbackOrder, { endpoints, because }: SoFar): Promise<RollbackEnd> {
  return CancellationScope.nonCancellable(async () => {
    const end = { orderId: order.orderId, endpoints, because };
    const closed = await controlBulk.closeRollback({ order, end });
    // The client's report tells of it; one that cannot be written is no reason to do anything again.
    await controlBulk.writeReports({ cycleId: order.cycleId }).catch(() => undefined);
    return closed;
  });
}

/** Starts the workflow that carries an order out; it continues whatever becomes of its parent. */
export async function startRollback(order: RollbackOrder): Promise<void> {
  try {
    await startChild(cycleRollback, {
      workflowId: order.orderId,
      args: [order],
      staticSummary: `rolls back ${targetInWords(order.target)}`,
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  } catch (failure) {
    if (!(failure instanceof WorkflowExecutionAlreadyStartedError)) throw failure;
  }
}
