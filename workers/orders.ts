/**
 * How a running cycle is given orders from outside, by the command line. What stops or takes back anything is on record
 * before the cycle is told, so it holds though no worker answers; what lets a cycle go on needs one that does.
 */
import { ApplicationFailure } from '@temporalio/common';
import { type PersonsOrder, haltActivities } from '../activities/halts.ts';
import { orderActivities } from '../activities/orders.ts';
import { rollBackActivities } from '../activities/roll-backs.ts';
import { skipActivities } from '../activities/skips.ts';
import type { PersonsWord } from '../domain/cycle.ts';
import type { NamedTarget } from '../domain/halt.ts';
import { AskedWrongly, unanswered, unknownCycle } from './refusals.ts';
import type { Running } from './running.ts';
import type { OrderName, OrderNamed, Told } from './telling.ts';

type Door = Pick<Running, 'tenants' | 'temporal'>;

/** Loaded when what has to hold is on record: Temporal's client takes longer to load than an order takes to be written. */
const telling = () => import('./telling.ts');

/** Starts nothing more of a cycle, or of the part that is named. A cycle that has closed is halted for its catch-ups. */
export async function haltPart(door: Door, cycleId: string, word: PersonsWord, named: NamedTarget): Promise<string> {
  const { because } = await onRecord(door, cycleId, word, named, (order) => haltActivities(door).orderHalt(order));
  const told = await tellPart(door, cycleId, 'halt', { ...word, ...named });
  const done = `Halted ${partOf(cycleId, named)}`;
  if (told === 'closed') return `${done}: it has closed, and its catch-ups start nothing more of that.`;
  if (told === 'unanswered') return `${done}: the halt is on record and in force, ${unanswered}.`;
  return `${done}. In force: ${because}.`;
}

/** Releases the halt of exactly what is named. */
export async function resumePart(door: Door, cycleId: string, word: PersonsWord, named: NamedTarget): Promise<string> {
  await onRecord(door, cycleId, word, named, (order) => haltActivities(door).releaseHalt(order));
  const told = await tellPart(door, cycleId, 'resume', { ...word, ...named });
  const done = `Resumed ${partOf(cycleId, named)}`;
  if (told === 'closed') return `${done}: it has closed, and its catch-ups go on.`;
  if (told === 'unanswered') return `${done}: the halt is released, ${unanswered}; it goes on when one does.`;
  return `${done}.`;
}

/** Takes the part that is named out of a cycle. */
export async function skipPart(door: Door, cycleId: string, word: PersonsWord, named: NamedTarget): Promise<string> {
  const { because } = await onRecord(door, cycleId, word, named, (order) => skipActivities(door).skip(order));
  const told = await tellPart(door, cycleId, 'skip', { ...word, ...named });
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
  const { nudge, startRollBack } = await telling();
  const temporal = await door.temporal().catch(onRecordThough);
  await startRollBack(temporal, order);
  await nudge(temporal, cycleId);
  return order;
}

/**
 * Ends a cycle: nothing more is started, what has started comes to a known state, the record is closed. An order to roll
 * back, by its id, is ended the same way.
 */
export async function cancelCycle(door: Door, cycleId: string, word: PersonsWord): Promise<string> {
  if (cycleId.startsWith('rollback/')) return cancelRollBack(door, cycleId, word);
  await refuseUnknown(door, cycleId);
  const { isRunning, statusOf } = await telling();
  const temporal = await door.temporal();
  if (!(await isRunning(temporal, cycleId)))
    throw new Error(`${cycleId} has closed; who still waits is taken out with: patchcycle cycle skip`);
  await orderActivities(door).orderCancel({ cycleId, word, at: new Date().toISOString() });
  await temporal.workflow.getHandle(cycleId).cancel();
  const done = `Cancelled ${cycleId}: nothing more is started, and what has started is brought to a known state`;
  return (await statusOf(temporal, cycleId)) ? `${done}.` : `${done}. That needs a worker, ${unanswered}.`;
}

async function cancelRollBack({ tenants, temporal }: Door, orderId: string, word: PersonsWord): Promise<string> {
  const order = await tenants.everybody.rollBackOrder.findUnique({ where: { id: orderId } });
  if (!order) throw new AskedWrongly(`There is no order ${orderId}; cycle roll-back says the id of each.`);
  if (order.endedAt) throw new Error(`${orderId} has ended: ${order.because.join('; ')}`);
  const rollBack = (await temporal()).workflow.getHandle(orderId);
  await rollBackActivities({ tenants }).cancelRollBack({ orderId, word, at: new Date().toISOString() });
  await rollBack.cancel();
  return `Cancelled ${orderId}: nobody more is put back, and who is being put back comes to an end.`;
}

/**
 * Gives an order that lets a cycle go on.
 * @throws Error when the cycle refuses it, has closed, or no worker answers
 */
export async function tellCycle<Name extends OrderName>(
  door: Door,
  cycleId: string,
  name: Name,
  order: OrderNamed<Name>,
): Promise<void> {
  await refuseUnknown(door, cycleId);
  const { tell } = await telling();
  const told = await tell(await door.temporal(), cycleId, name, order);
  if (told === 'closed') throw new Error(`${cycleId} has closed: nothing in it waits for that.`);
  if (told === 'unanswered')
    throw new Error(
      `The order was not taken, ${unanswered}. See what runs with patchcycle status; a worker that comes back soon may` +
        ` still take it, so look with patchcycle cycle show ${cycleId} before you give it again.`,
    );
}

/** A cycle that was started this moment has no row yet. */
async function refuseUnknown({ tenants, temporal }: Door, cycleId: string): Promise<void> {
  if (!cycleId.includes('/')) throw unknownCycle(cycleId);
  if (await tenants.everybody.cycle.findUnique({ where: { id: cycleId } })) return;
  const { isRunning } = await telling();
  if (!(await isRunning(await temporal(), cycleId))) throw unknownCycle(cycleId);
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

/** Tells a cycle of an order that is on record. */
async function tellPart(
  door: Door,
  cycleId: string,
  name: 'halt' | 'resume' | 'skip',
  order: PersonsWord & NamedTarget,
): Promise<Told> {
  const { nudge, tell } = await telling();
  const temporal = await door.temporal().catch(onRecordThough);
  const told = await tell(temporal, cycleId, name, order);
  if (told === 'unanswered') await nudge(temporal, cycleId);
  return told;
}

function onRecordThough(error: unknown): never {
  throw new Error(
    `The order is on record and in force. The cycle could not be told of it: ${error instanceof Error ? error.message : String(error)}. When Temporal answers, give the order again in the same words.`,
  );
}

function partOf(cycleId: string, named: NamedTarget): string {
  const [part] = Object.entries(named).filter(([, name]) => name !== undefined);
  return part ? `${part.join(' ')} of ${cycleId}` : cycleId;
}
