/**
 * How a running cycle is given orders from outside, by the command line. What stops or takes back anything is on record
 * before the cycle is told, so it holds though no worker answers; what lets a cycle go on needs one that does.
 */
import {
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { type PersonsOrder, haltActivities } from '../activities/halts.ts';
import { orderActivities } from '../activities/orders.ts';
import { rollBackActivities } from '../activities/roll-backs.ts';
import { skipActivities } from '../activities/skips.ts';
import type { Tenants } from '../activities/ports/database.ts';
import { type PersonsWord, controlTaskQueue } from '../domain/cycle.ts';
import { type NamedTarget, targetInWords } from '../domain/halt.ts';
import type { rollBackFleet } from '../workflows/index.ts';
import * as messages from '../workflows/messages.ts';
import { AskedWrongly, unknownCycle } from './refusals.ts';

type Door = { readonly tenants: Tenants; readonly temporal: Client };

/** How long a command waits for a worker before it says that none answers. */
const answerSeconds = 5;

/** What came of telling a cycle: it took the order, it has closed, or nobody answered in time. */
type Told = 'taken' | 'closed' | 'unanswered';

/** Starts nothing more of a cycle, or of the part that is named. A cycle that has closed is halted for its catch-ups. */
export async function haltPart(door: Door, cycleId: string, word: PersonsWord, named: NamedTarget): Promise<string> {
  const { because } = await onRecord(door, cycleId, word, named, (order) => haltActivities(door).orderHalt(order));
  const told = await tellPart(door, cycleId, messages.halt, { ...word, ...named });
  const done = `Halted ${partOf(cycleId, named)}`;
  if (told === 'closed') return `${done}: it has closed, and its catch-ups start nothing more of that.`;
  if (told === 'unanswered') return `${done}: the halt is on record and in force, ${unanswered}.`;
  return `${done}. In force: ${because}.`;
}

/** Releases the halt of exactly what is named. */
export async function resumePart(door: Door, cycleId: string, word: PersonsWord, named: NamedTarget): Promise<string> {
  await onRecord(door, cycleId, word, named, (order) => haltActivities(door).releaseHalt(order));
  const told = await tellPart(door, cycleId, messages.resume, { ...word, ...named });
  const done = `Resumed ${partOf(cycleId, named)}`;
  if (told === 'closed') return `${done}: it has closed, and its catch-ups go on.`;
  if (told === 'unanswered') return `${done}: the halt is released, ${unanswered}; it goes on when one does.`;
  return `${done}.`;
}

/** Takes the part that is named out of a cycle. */
export async function skipPart(door: Door, cycleId: string, word: PersonsWord, named: NamedTarget): Promise<string> {
  const { because } = await onRecord(door, cycleId, word, named, (order) => skipActivities(door).skip(order));
  const told = await tellPart(door, cycleId, messages.skip, { ...word, ...named });
  return told === 'unanswered' ? `${because}; it is on record, ${unanswered}.` : `${because}.`;
}

/** Has a workflow of its own put back what a cycle has patched, whether the cycle runs or has closed. */
export async function rollBackPart(
  door: Door,
  cycleId: string,
  word: PersonsWord,
  named: NamedTarget,
): Promise<{ readonly orderId: string; readonly because: readonly string[] }> {
  const order = await onRecord(door, cycleId, word, named, (asked) => rollBackActivities(door).orderRollBack(asked));
  await door.temporal.workflow.start<typeof rollBackFleet>('rollBackFleet', {
    workflowId: order.orderId,
    taskQueue: controlTaskQueue,
    args: [order],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `rolls back ${targetInWords(order.target)}`,
  });
  await nudge(door, cycleId);
  return order;
}

/**
 * Ends a cycle: nothing more is started, what has started comes to a known state, the record is closed. An order to roll
 * back, by its id, is ended the same way.
 */
export async function cancelCycle(door: Door, cycleId: string, word: PersonsWord): Promise<string> {
  const { temporal } = door;
  if (cycleId.startsWith('rollback/')) return cancelRollBack(door, cycleId, word);
  await refuseUnknown(door, cycleId);
  const cycle = temporal.workflow.getHandle(cycleId);
  const known = await cycle.describe().catch(notFoundIsNull);
  if (known?.status.name !== 'RUNNING')
    throw new Error(`${cycleId} has closed; who still waits is taken out with: patchcycle cycle skip`);
  await orderActivities(door).orderCancel({ cycleId, word, at: new Date().toISOString() });
  await cycle.cancel();
  const done = `Cancelled ${cycleId}: nothing more is started, and what has started is brought to a known state`;
  return (await statusOf(door, cycleId)) ? `${done}.` : `${done}. That needs a worker, ${unanswered}.`;
}

async function cancelRollBack({ tenants, temporal }: Door, orderId: string, word: PersonsWord): Promise<string> {
  const order = await tenants.everybody.rollBackOrder.findUnique({ where: { id: orderId } });
  if (!order) throw new AskedWrongly(`There is no order ${orderId}; cycle roll-back says the id of each.`);
  if (order.endedAt) throw new Error(`${orderId} has ended: ${order.because.join('; ')}`);
  await rollBackActivities({ tenants }).cancelRollBack({ orderId, word, at: new Date().toISOString() });
  await temporal.workflow.getHandle(orderId).cancel();
  return `Cancelled ${orderId}: nobody more is put back, and who is being put back comes to an end.`;
}

/**
 * Gives an order that lets a cycle go on.
 * @throws Error when the cycle refuses it, has closed, or no worker answers
 */
export async function tellCycle<Order>(
  door: Door,
  cycleId: string,
  update: messages.OrderOf<Order>,
  order: Order,
): Promise<void> {
  await refuseUnknown(door, cycleId);
  const told = await tell(door, cycleId, update, order);
  if (told === 'closed') throw new Error(`${cycleId} has closed: nothing in it waits for that.`);
  if (told === 'unanswered')
    throw new Error(
      `The order was not taken, ${unanswered}. See what runs with patchcycle status; a worker that comes back soon may` +
        ` still take it, so look with patchcycle cycle show ${cycleId} before you give it again.`,
    );
}

/** What a running cycle is at; null when no worker answers. */
export async function statusOf({ temporal }: Door, cycleId: string): Promise<messages.CycleStatus | null> {
  const cycle = temporal.workflow.getHandle(cycleId);
  return temporal.withDeadline(inTime(), () => cycle.query(messages.cycleStatus)).catch(() => null);
}

/** Whether there is, or was, a cycle of that id. One that was started this moment has no row yet. */
export async function isCycle({ tenants, temporal }: Door, cycleId: string): Promise<boolean> {
  if (await tenants.everybody.cycle.findUnique({ where: { id: cycleId } })) return true;
  const described = await temporal.workflow.getHandle(cycleId).describe().catch(notFoundIsNull);
  return described?.status.name === 'RUNNING';
}

const unanswered = `though no worker has answered within ${answerSeconds} seconds`;

async function refuseUnknown(door: Door, cycleId: string): Promise<void> {
  if (!cycleId.includes('/') || !(await isCycle(door, cycleId))) throw unknownCycle(cycleId);
}

/** Writes an order down before anybody is told of it. A part that is not there is the caller's mistake. */
async function onRecord<T>(
  door: Door,
  cycleId: string,
  word: PersonsWord,
  named: NamedTarget,
  write: (order: PersonsOrder) => Promise<T>,
): Promise<T> {
  await refuseUnknown(door, cycleId);
  try {
    return await write({ cycleId, named, word, at: new Date().toISOString() });
  } catch (error) {
    if (error instanceof ApplicationFailure && error.type === 'TargetUnknown') throw new AskedWrongly(error.message);
    throw error;
  }
}

/** Tells a cycle of an order that is on record. Who does not answer now finds a note when it comes back. */
async function tellPart(
  door: Door,
  cycleId: string,
  update: messages.OrderOf<messages.PartOrder>,
  order: messages.PartOrder,
): Promise<Told> {
  const told = await tell(door, cycleId, update, order);
  if (told === 'unanswered') await nudge(door, cycleId);
  return told;
}

async function tell<Order>(
  { temporal }: Door,
  cycleId: string,
  update: messages.OrderOf<Order>,
  order: Order,
): Promise<Told> {
  const cycle = temporal.workflow.getHandle(cycleId);
  try {
    await temporal.withDeadline(inTime(), () => cycle.executeUpdate<unknown, [Order]>(update, { args: [order] }));
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

async function nudge({ temporal }: Door, cycleId: string): Promise<void> {
  await temporal.workflow.getHandle(cycleId).signal(messages.lookAgain).catch(notFoundIsNull);
}

function notFoundIsNull(error: unknown): null {
  if (error instanceof WorkflowNotFoundError) return null;
  throw error;
}

function partOf(cycleId: string, named: NamedTarget): string {
  const [part] = Object.entries(named).filter(([, name]) => name !== undefined);
  return part ? `${part.join(' ')} of ${cycleId}` : cycleId;
}

function inTime(): number {
  return Date.now() + answerSeconds * 1000;
}
