/** Follows a cycle to its end, for who shows it live. */
import { setTimeout as delay } from 'node:timers/promises';
import type { CycleFacts } from '../domain/reports/cycle-facts.ts';
import { openWindow } from '../workflows/messages.ts';
import type { Connections } from './connect.ts';
import { readFacts } from './facts.ts';
import type { OrderNamed } from './messages.ts';

const pollMilliseconds = 500;
/** How often Temporal is asked whether the cycle lives: one that died will never say so itself. */
const aliveMilliseconds = 4000;

/**
 * Reads again and again what is recorded of a cycle, until it has ended; what is recorded then.
 * @param see is shown what is recorded by now, and awaited
 * @throws Error when its workflow has ended and the cycle has not; the signal's reason when that was aborted
 */
export async function followCycle(
  connections: Connections,
  cycleId: string,
  { see, signal }: { readonly see: (facts: CycleFacts) => Promise<void>; readonly signal: AbortSignal },
): Promise<CycleFacts> {
  const cycle = (await connections.temporal()).workflow.getHandle(cycleId);
  // A cycle that was started this moment has no row yet.
  const read = () => readFacts(connections, cycleId).catch(() => null);
  for (let askAt = Date.now() + aliveMilliseconds; ;) {
    const facts = await read();
    if (facts) await see(facts);
    if (facts?.endedAt) return facts;
    if (Date.now() > askAt) {
      askAt = Date.now() + aliveMilliseconds;
      const { status } = await cycle.describe();
      // Read again: the cycle may have been closed between the two.
      const last = status.name === 'RUNNING' ? null : await read();
      if (last?.endedAt) return last;
      if (status.name !== 'RUNNING')
        throw new Error(`Cycle ${cycleId} was never closed, and its workflow has ended: ${status.name.toLowerCase()}.`);
    }
    await delay(pollMilliseconds, undefined, { signal });
  }
}

/** Opens a window of a cycle, however long a worker takes to answer. */
export async function openWindowNow(
  connections: Connections,
  cycleId: string,
  order: OrderNamed<'openWindow'>,
): Promise<void> {
  const cycle = (await connections.temporal()).workflow.getHandle(cycleId);
  await cycle.executeUpdate(openWindow, { args: [order] });
}

/** Has what is asked of Temporal within end when the signal is aborted. */
export async function untilAborted<T>(
  connections: Connections,
  signal: AbortSignal,
  act: () => Promise<T>,
): Promise<T> {
  return (await connections.temporal()).withAbortSignal(signal, act);
}
