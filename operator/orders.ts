/**
 * How a running cycle is given orders from outside, by the command line. What stops or takes back anything is on record
 * before the cycle is told, so it holds though no worker answers; what lets a cycle go on needs one that does.
 */
import { isRollbackId } from '../domain/ids.ts';
import type { SignOff } from '../domain/rollout/cycle.ts';
import type { NamedTarget } from '../domain/rollout/halt.ts';
import { InvalidRequest, unanswered, unknownCycle } from './errors.ts';
import type { Connections } from './connect.ts';
import type { OrderName, OrderNamed, Delivery } from './messages.ts';
import { type OrderRequest, orderHalt, orderResume } from '../record/orders/halts.ts';
import { skip } from '../record/orders/skips.ts';
import { cancelRollback, orderRollback } from '../record/orders/rollbacks.ts';
import { orderCancel } from '../record/orders/cancellations.ts';
import { RecordRefusal } from '../record/errors.ts';

/**
 * Loaded when what has to hold is on record: Temporal's client takes longer to load than an order takes to be written.
 */
const loadMessages = () => import('./messages.ts');

/**
 * Starts nothing more of a cycle, or of the part that is named. A cycle that has closed is halted for its catch-ups.
 */
export async function haltPart(
  connections: Connections,
  cycleId: string,
  signOff: SignOff,
  named: NamedTarget,
): Promise<string> {
  const { because } = await onRecord(connections, cycleId, signOff, named, (order) =>
    orderHalt(connections.tenants, order),
  );
  const delivery = await signalOrder(connections, cycleId);
  const done = `Halted ${partOf(cycleId, named)}`;
  if (delivery === 'closed') return `${done}: it has closed, and its catch-ups start nothing more of that.`;
  if (delivery === 'unanswered') return `${done}: the halt is on record and in force, ${unanswered}.`;
  return `${done}. In force: ${because}.`;
}

/** Releases the halt of exactly what is named. */
export async function resumePart(
  connections: Connections,
  cycleId: string,
  signOff: SignOff,
  named: NamedTarget,
): Promise<string> {
  await onRecord(connections, cycleId, signOff, named, (order) => orderResume(connections.tenants, order));
  const delivery = await signalOrder(connections, cycleId);
  const done = `Resumed ${partOf(cycleId, named)}`;
  if (delivery === 'closed') return `${done}: it has closed, and its catch-ups go on.`;
  if (delivery === 'unanswered') return `${done}: the halt is released, ${unanswered}; it goes on when one does.`;
  return `${done}.`;
}

/** Takes the part that is named out of a cycle. */
export async function skipPart(
  connections: Connections,
  cycleId: string,
  signOff: SignOff,
  named: NamedTarget,
): Promise<string> {
  const { because } = await onRecord(connections, cycleId, signOff, named, (order) => skip(connections.tenants, order));
  const delivery = await signalOrder(connections, cycleId);
  return delivery === 'unanswered' ? `${because}; it is on record, ${unanswered}.` : `${because}.`;
}

/** Has a workflow of its own roll back what a cycle has patched, whether the cycle runs or has closed. */
export async function rollBackPart(
  connections: Connections,
  cycleId: string,
  signOff: SignOff,
  named: NamedTarget,
): Promise<{ readonly orderId: string; readonly because: readonly string[] }> {
  const order = await onRecord(connections, cycleId, signOff, named, (asked) =>
    orderRollback(connections.tenants, asked),
  );
  const { signalLookAgain, startRollback } = await loadMessages();
  const temporal = await connections.temporal().catch(notDelivered);
  await startRollback(temporal, order);
  await signalLookAgain(temporal, cycleId);
  return order;
}

/**
 * Ends a cycle: nothing more is started, what has started comes to a known state, the record is closed. An order to
 * roll back, by its id, is ended the same way.
 */
export async function cancelCycle(connections: Connections, cycleId: string, signOff: SignOff): Promise<string> {
  if (isRollbackId(cycleId)) return cancelRollbackOrder(connections, cycleId, signOff);
  await refuseUnknown(connections, cycleId);
  const { isRunning, statusOf } = await loadMessages();
  const temporal = await connections.temporal();
  if (!(await isRunning(temporal, cycleId)))
    throw new Error(`${cycleId} has closed; take an endpoint that still waits out with: patchcycle cycle skip`);
  await orderCancel(connections.tenants, { cycleId, signOff, at: new Date().toISOString() });
  await temporal.workflow.getHandle(cycleId).cancel();
  const done = `Cancelled ${cycleId}: nothing more is started, and what has started is brought to a known state`;
  return (await statusOf(temporal, cycleId)) ? `${done}.` : `${done}. That needs a worker, ${unanswered}.`;
}

async function cancelRollbackOrder(
  { tenants, temporal }: Connections,
  orderId: string,
  signOff: SignOff,
): Promise<string> {
  const order = await tenants.everybody.rollBackOrder.findUnique({ where: { id: orderId } });
  if (!order) throw new InvalidRequest(`There is no order ${orderId}; cycle rollback says the id of each.`);
  if (order.endedAt) throw new Error(`${orderId} has ended: ${order.because.join('; ')}`);
  const rollBack = (await temporal()).workflow.getHandle(orderId);
  await cancelRollback(tenants, { orderId, signOff, at: new Date().toISOString() });
  await rollBack.cancel();
  return `Cancelled ${orderId}: no further endpoint is rolled back, and rollbacks under way are completed.`;
}

/**
 * Gives an order that lets a cycle go on.
 * @throws Error when the cycle refuses it, has closed, or no worker answers
 */
export async function sendOrder<Name extends OrderName>(
  connections: Connections,
  cycleId: string,
  name: Name,
  order: OrderNamed<Name>,
): Promise<void> {
  await refuseUnknown(connections, cycleId);
  const { send } = await loadMessages();
  const delivery = await send(await connections.temporal(), cycleId, name, order);
  if (delivery === 'closed') throw new Error(`${cycleId} has closed: nothing in it waits for that.`);
  if (delivery === 'unanswered')
    throw new Error(
      `The order was not taken, ${unanswered}. See what runs with patchcycle status; a worker that comes back soon may` +
        ` still take it, so look with patchcycle cycle show ${cycleId} before you give it again.`,
    );
}

/** A cycle that was started this moment has no row yet. */
async function refuseUnknown({ tenants, temporal }: Connections, cycleId: string): Promise<void> {
  if (!cycleId.includes('/')) throw unknownCycle(cycleId);
  if (await tenants.everybody.cycle.findUnique({ where: { id: cycleId } })) return;
  const { isRunning } = await loadMessages();
  if (!(await isRunning(await temporal(), cycleId))) throw unknownCycle(cycleId);
}

/** Writes an order down before it is sent. A part that is not there is the caller's mistake. */
async function onRecord<T>(
  connections: Connections,
  cycleId: string,
  signOff: SignOff,
  named: NamedTarget,
  write: (order: OrderRequest) => Promise<T>,
): Promise<T> {
  await refuseUnknown(connections, cycleId);
  try {
    return await write({ cycleId, named, signOff, at: new Date().toISOString() });
  } catch (error) {
    if (error instanceof RecordRefusal && error.code === 'TargetUnknown') throw new InvalidRequest(error.message);
    throw error;
  }
}

/** Tells a cycle that an order is on record, and what came of telling it. */
async function signalOrder(connections: Connections, cycleId: string): Promise<Delivery> {
  const { haveLookedAgain } = await loadMessages();
  return haveLookedAgain(await connections.temporal().catch(notDelivered), cycleId);
}

function notDelivered(error: unknown): never {
  throw new Error(
    `The order is on record and in force. It could not be sent to the cycle: ${error instanceof Error ? error.message : String(error)}. When Temporal answers, give the order again in the same words.`,
  );
}

function partOf(cycleId: string, named: NamedTarget): string {
  const [part] = Object.entries(named).filter(([, name]) => name !== undefined);
  return part ? `${part.join(' ')} of ${cycleId}` : cycleId;
}
