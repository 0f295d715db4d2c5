/** How a cycle is told and asked, through Temporal. */
import {
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { RollbackOrder } from '../domain/rollout/cycle.ts';
import { targetInWords } from '../domain/rollout/halt.ts';
import type { cycleRollback } from '../workflows/index.ts';
import * as messages from '../workflows/messages.ts';
import { workerAnswersWithinSeconds } from './errors.ts';
import { controlTaskQueue } from '../domain/ids.ts';

const { approve, advance, continueCycle, openWindow } = messages;
const orders = { approve, advance, continueCycle, openWindow };

/** An order that lets a running cycle go on, by its name. It is on record once the cycle has taken it. */
export type OrderName = keyof typeof orders;
export type OrderNamed<Name extends OrderName> =
  (typeof orders)[Name] extends messages.OrderOf<infer Order> ? Order : never;

/** What came of sending a cycle an order: it was taken, the cycle has closed, or no answer came in time. */
export type Delivery = 'taken' | 'closed' | 'unanswered';

/** @throws Error when the cycle refuses the order */
export async function send<Name extends OrderName>(
  temporal: Client,
  cycleId: string,
  name: Name,
  order: OrderNamed<Name>,
): Promise<Delivery> {
  const cycle = temporal.workflow.getHandle(cycleId);
  const update = orders[name] as messages.OrderOf<OrderNamed<Name>>;
  try {
    await temporal.withDeadline(inTime(), () => cycle.executeUpdate(update, { args: [order] }));
    return 'taken';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'closed';
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return 'unanswered';
    if (error instanceof WorkflowUpdateFailedError && closedMeanwhile(error.cause)) return 'closed';
    throw error;
  }
}

/** As the server words an update whose workflow ended while it was carried out. */
function closedMeanwhile(cause: Error | undefined): boolean {
  return cause instanceof ApplicationFailure && cause.type === 'AcceptedUpdateCompletedWorkflow';
}

/** Has a cycle read again what is on record. A worker that is away finds the signal when it comes back. */
export async function signalLookAgain(temporal: Client, cycleId: string): Promise<'sent' | 'closed'> {
  const signalled = temporal.workflow.getHandle(cycleId).signal(messages.lookAgain);
  return (await signalled.then(() => 'sent' as const, notFoundIsNull)) ?? 'closed';
}

/** The same, and whether it was heard: the query is answered once the signal was taken. */
export async function haveLookedAgain(temporal: Client, cycleId: string): Promise<Delivery> {
  if ((await signalLookAgain(temporal, cycleId)) === 'closed') return 'closed';
  const status = await statusOf(temporal, cycleId);
  if (status === null) return 'unanswered';
  return status.step === 'ended' ? 'closed' : 'taken';
}

/** What a cycle says it is at; null when no worker answers. */
export async function statusOf(temporal: Client, cycleId: string): Promise<messages.CycleStatus | null> {
  const cycle = temporal.workflow.getHandle(cycleId);
  return temporal.withDeadline(inTime(), () => cycle.query(messages.cycleStatus)).catch(() => null);
}

export async function isRunning(temporal: Client, workflowId: string): Promise<boolean> {
  const described = await temporal.workflow.getHandle(workflowId).describe().catch(notFoundIsNull);
  return described?.status.name === 'RUNNING';
}

/** Starts what carries out an order to roll back, once. */
export async function startRollback(temporal: Client, order: RollbackOrder): Promise<void> {
  await temporal.workflow.start<typeof cycleRollback>('cycleRollback', {
    workflowId: order.orderId,
    taskQueue: controlTaskQueue,
    args: [order],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `rolls back ${targetInWords(order.target)}`,
  });
}

function notFoundIsNull(error: unknown): null {
  if (error instanceof WorkflowNotFoundError) return null;
  throw error;
}

function inTime(): number {
  return Date.now() + workerAnswersWithinSeconds * 1000;
}
