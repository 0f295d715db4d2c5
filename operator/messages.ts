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

const { approve, advance, continueCycle, openWindow, halt, resume, skip } = messages;
const orders = { approve, advance, continueCycle, openWindow, halt, resume, skip };

/** An order that a running cycle takes, by its name. */
export type OrderName = keyof typeof orders;
export type OrderNamed<Name extends OrderName> =
  (typeof orders)[Name] extends messages.OrderOf<infer Order> ? Order : never;

/** What came of telling a cycle: it took the order, it has closed, or nobody answered in time. */
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

/** Leaves a note that something may have changed: who does not answer now finds it when it comes back. */
export async function signalLookAgain(temporal: Client, cycleId: string): Promise<void> {
  await temporal.workflow.getHandle(cycleId).signal(messages.lookAgain).catch(notFoundIsNull);
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
