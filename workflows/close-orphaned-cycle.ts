/** Closes a cycle in place of its workflow, which is gone: ends what no ring will start, and gives the account. */
import { CancellationScope } from '@temporalio/workflow';
import type { OrphanedCycle } from '../activities/control/orphaned-work.ts';
import { registerCycleHandlers } from './cycle-handlers.ts';
import { reportAndClose } from './patch-cycle.ts';
import { controlBulk, control } from './stubs.ts';

export async function closeOrphanedCycle({ input, state, because }: OrphanedCycle): Promise<string> {
  const handlers = registerCycleHandlers(input);
  return CancellationScope.nonCancellable(async () => {
    const { cycleId } = input;
    if (!(await control.endSteps({ input, because }))) return `${cycleId} has been closed since`;
    await controlBulk.endWithoutRollout({ cycleId, because: because.join('; ') });
    await reportAndClose(input, handlers, state);
    return `${cycleId} is closed: ${because.join('; ')}`;
  });
}
