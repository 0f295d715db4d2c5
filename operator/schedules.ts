/** What starts by itself: the planning of a client's cycles as their windows open, and the chores that keep the whole in order. */
import {
  type CalendarSpec,
  type Client,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  type Workflow,
} from '@temporalio/client';
import { controlTaskQueue } from '../domain/ids.ts';
import type { ClientFiles, Policy, WindowRule } from '../domain/policies/policy.ts';
import type { cleanUpSnapshots, planCycle, reconcile } from '../workflows/index.ts';

/**
 * One schedule for each policy that has windows and each zone the client has sites in: it starts the planning at each
 * opening there. The cycle finds its own windows; the schedule only wakes it. Schedules of policies and zones that are
 * no longer stated go.
 */
export async function installSchedules(temporal: Client, files: ClientFiles): Promise<readonly string[]> {
  const zones = [...new Set(files.sites.map((site) => site.timeZone))];
  const installed: string[] = [];
  for (const policy of files.policies) {
    if (calendarsOf(policy).length === 0) continue;
    for (const zone of zones) installed.push(await installSchedule(temporal, files.client.id, policy, zone));
  }
  for await (const { scheduleId } of temporal.schedule.list()) {
    if (!scheduleId.startsWith(`schedule/${files.client.id}/`) || installed.includes(scheduleId)) continue;
    await temporal.schedule.getHandle(scheduleId).delete();
  }
  return installed;
}

async function installSchedule(temporal: Client, clientId: string, policy: Policy, zone: string): Promise<string> {
  const scheduleId = `schedule/${clientId}/${policy.name}/${zone}`;
  await keepSchedule(temporal, scheduleId, {
    spec: { calendars: calendarsOf(policy), timezone: zone, jitter: '1 minute' },
    catchupWindow: '1 hour',
    action: {
      workflowType: 'planCycle' satisfies typeof planCycle.name,
      workflowId: `plan/${clientId}/${policy.name}/${zone}`,
      args: [{ clientId, policyName: policy.name }],
    },
  });
  return scheduleId;
}

const week = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;
type Day = (typeof week)[number];

/** Which days may be an opening; the planning decides whether one is, since a calendar cannot say every rule. */
function calendarsOf(policy: Policy): CalendarSpec[] {
  if (policy.applies === null || policy.windows === 'always') return [];
  return policy.windows.flatMap(calendarOf);
}

function calendarOf({ words, opens }: WindowRule): CalendarSpec[] {
  const [hour = 0, minute = 0] = opens.at.split(':').map(Number);
  if (opens.every === 'once') return [onDate(words, opens.date, hour, minute)];
  const days = opens.every === 'week' ? opens.weekdays.map(dayOf) : [daysLater(dayOf(opens.weekday), opens.daysAfter)];
  // Schedules leave out what the change to summer time skips; the window opens as long after it as it would have been.
  const afterSkip = hour === 23 ? days.map((day) => daysLater(day, 1)) : days;
  return [
    { dayOfWeek: days, hour, minute, comment: words },
    { dayOfWeek: afterSkip, hour: (hour + 1) % 24, minute, comment: `${words}, where the clocks skip it` },
  ];
}

const months = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;

function onDate(words: string, date: string, hour: number, minute: number): CalendarSpec {
  const [year = 0, month = 1, dayOfMonth = 1] = date.split('-').map(Number);
  return { year, month: months[month - 1] ?? 'JANUARY', dayOfMonth, hour, minute, comment: words };
}

function dayOf(weekday: string): Day {
  return week.find((day) => day === weekday.toUpperCase()) ?? 'SUNDAY';
}

function daysLater(day: Day, days: number): Day {
  return week[(week.indexOf(day) + days) % week.length] ?? day;
}

/** What keeps the whole in order, whoever its clients are. */
const chores = [
  { scheduleId: 'chore/reconcile', workflowType: 'reconcile' satisfies typeof reconcile.name, everyMinutes: 2 },
  {
    scheduleId: 'chore/clean-up-snapshots',
    workflowType: 'cleanUpSnapshots' satisfies typeof cleanUpSnapshots.name,
    everyMinutes: 60,
  },
] as const;

/** Installs the schedules of the chores, and looks at once for what was left while nothing ran. */
export async function installChores(temporal: Client): Promise<readonly string[]> {
  for (const { scheduleId, workflowType, everyMinutes } of chores)
    await keepSchedule(temporal, scheduleId, {
      spec: { intervals: [{ every: `${everyMinutes} minutes` }] },
      // What was missed while nothing ran is made up for by the next round, so one is enough.
      catchupWindow: '1 minute',
      action: { workflowType, workflowId: scheduleId },
    });
  // Without a word on overlap a trigger starts one beside the other.
  await temporal.schedule.getHandle('chore/reconcile').trigger(ScheduleOverlapPolicy.SKIP);
  return chores.map(({ scheduleId }) => scheduleId);
}

type Action = Pick<ScheduleOptionsStartWorkflowAction<Workflow>, 'workflowId' | 'args'> & {
  readonly workflowType: string;
};

/**
 * Keeps one schedule of a workflow of the control worker's as it is stated: made where there is none, else changed. One
 * that runs is not started beside itself; whether a person has paused it stays as it is.
 * @param catchupWindow how much later than planned it may still start, after an outage
 */
async function keepSchedule(
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
