/** A schedule as it is stated: made where there is none, else changed to it. */
import {
  type Client,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  type Workflow,
} from '@temporalio/client';
import { controlTaskQueue } from '../domain/cycle.ts';

type Action = Pick<ScheduleOptionsStartWorkflowAction<Workflow>, 'workflowId' | 'args'> & {
  readonly workflowType: string;
};

/**
 * Keeps one schedule of a workflow of the control worker's. One that runs is not started beside itself; whether a person
 * has paused it stays as it is.
 * @param catchupWindow how much later than planned it may still start, after an outage
 */
export async function keepSchedule(
  temporal: Client,
  scheduleId: string,
  stated: {
    readonly spec: ScheduleOptions['spec'];
    readonly catchupWindow: '1 minute' | '1 hour';
    readonly action: Action;
  },
): Promise<void> {
  const { spec, catchupWindow, action } = stated;
  const description = {
    spec,
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow },
    action: { type: 'startWorkflow' as const, taskQueue: controlTaskQueue, ...action },
  };
  const handle = temporal.schedule.getHandle(scheduleId);
  const exists = await handle.describe().catch((error: unknown) => {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  });
  if (exists) await handle.update(({ state }) => ({ ...description, state }));
  else await temporal.schedule.create({ scheduleId, ...description });
}
