/** Closes a cycle in place of its workflow, which is gone: ends what no ring will start, and gives the account. */
import { CancellationScope } from '@temporalio/workflow';
import type { LeftCycle } from '../activities/left-work.ts';
import { takeOrders } from './desk.ts';
import { giveAccount } from './patch-cycle.ts';
import { bookkeeping, control } from './stubs.ts';

export async function closeLeftCycle({ order, state, because }: LeftCycle): Promise<string> {
  const desk = takeOrders(order);
  return CancellationScope.nonCancellable(async () => {
    const { cycleId } = order;
    if (!(await control.endSteps({ order, because }))) return `${cycleId} has been closed since`;
    await bookkeeping.endWithoutRollout({ cycleId, because: because.join('; ') });
    await giveAccount(order, desk, state);
    return `${cycleId} is closed: ${because.join('; ')}`;
  });
}
