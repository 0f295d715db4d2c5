/** The chores that keep the whole in order, whoever its clients are: one schedule each. */
import { type Client, ScheduleOverlapPolicy } from '@temporalio/client';
import type { cleanUpSnapshots, reconcile } from '../workflows/index.ts';
import { keepSchedule } from './schedules.ts';

const chores = [
  { scheduleId: 'chore/reconcile', workflowType: 'reconcile' satisfies typeof reconcile.name, everyMinutes: 2 },
  {
    scheduleId: 'chore/clean-up-snapshots',
    workflowType: 'cleanUpSnapshots' satisfies typeof cleanUpSnapshots.name,
    everyMinutes: 60,
  },
] as const;

/** What was missed while nothing ran is made up for by the next round, so one is enough. */
const catchupWindow = '1 minute' as const;

/** Installs the schedules of the chores, and looks at once for what was left while nothing ran. */
export async function installChores(temporal: Client): Promise<readonly string[]> {
  for (const { scheduleId, workflowType, everyMinutes } of chores)
    await keepSchedule(temporal, scheduleId, {
      spec: { intervals: [{ every: `${everyMinutes} minutes` }] },
      catchupWindow,
      action: { workflowType, workflowId: scheduleId },
    });
  // Without a word on overlap a trigger starts one beside the other.
  await temporal.schedule.getHandle('chore/reconcile').trigger(ScheduleOverlapPolicy.SKIP);
  return chores.map(({ scheduleId }) => scheduleId);
}
