/** The chores that keep the whole in order, whoever its clients are: one schedule each. */
import { type Client, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { controlTaskQueue } from '../domain/cycle.ts';
import type { cleanUpSnapshots, reconcile } from '../workflows/index.ts';

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
  for (const chore of chores) await installChore(temporal, chore);
  // Without a word on overlap a trigger starts one beside the other.
  await temporal.schedule.getHandle('chore/reconcile').trigger(ScheduleOverlapPolicy.SKIP);
  return chores.map(({ scheduleId }) => scheduleId);
}

async function installChore(temporal: Client, chore: (typeof chores)[number]): Promise<void> {
  const { scheduleId, workflowType, everyMinutes } = chore;
  const description = {
    spec: { intervals: [{ every: `${everyMinutes} minutes` as const }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow },
    action: { type: 'startWorkflow' as const, workflowType, workflowId: scheduleId, taskQueue: controlTaskQueue },
  };
  const handle = temporal.schedule.getHandle(scheduleId);
  const exists = await handle.describe().catch((error: unknown) => {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  });
  if (exists) await handle.update(({ state }) => ({ ...description, state }));
  else await temporal.schedule.create({ scheduleId, ...description });
}
