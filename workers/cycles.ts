/** How cycles are started and spoken to from outside: by the command line, by schedules. */
import { type CalendarSpec, type Client, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { civilDate } from '../activities/calendar.ts';
import type { Tenants } from '../activities/ports/database.ts';
import { type CycleOrder, controlTaskQueue, cycleIdOf, emergencyIdOf } from '../domain/cycle.ts';
import type { ClientFiles, Policy, WindowRule } from '../domain/policy.ts';
import { cycleAttributes } from '../workflows/search-attributes.ts';
import type { emergencyPatch, patchCycle } from '../workflows/index.ts';

type Door = { readonly tenants: Tenants; readonly temporal: Client };

/** Starts a cycle now. A further one on the same civil date gets the next number. */
export async function startCycle(
  { tenants, temporal }: Door,
  { clientId, policyName, startedBy }: { clientId: string; policyName: string; startedBy: string },
): Promise<CycleOrder> {
  const db = tenants.forClient(clientId);
  const site = await db.site.findFirst({ orderBy: { id: 'asc' } });
  const policy = await db.policyVersion.findFirst({ where: { name: policyName } });
  if (!site || !policy)
    throw new Error(`Client ${clientId} has no policy ${policyName}; apply its files with patchcycle apply -f DIR.`);
  const date = civilDate(new Date().toISOString(), site.timeZone);
  const last = await db.cycle.findFirst({
    where: { kind: 'standard', civilDate: date, policyVersion: { name: policyName } },
    orderBy: { number: 'desc' },
  });
  const number = (last?.number ?? 0) + 1;
  const order: CycleOrder = {
    cycleId: cycleIdOf({ clientId, policyName, civilDate: date, number }),
    clientId,
    policyName,
    kind: 'standard',
    advisory: null,
    trigger: 'on demand',
    startedBy,
    civilDate: date,
    number,
  };
  await temporal.workflow.start<typeof patchCycle>('patchCycle', {
    workflowId: order.cycleId,
    taskQueue: controlTaskQueue,
    args: [order],
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    staticSummary: `${policyName} of ${clientId}, ${date}`,
    typedSearchAttributes: cycleAttributes(order),
  });
  return order;
}

/** Starts the emergency cycle of an advisory, once: starting it again answers the one there is. */
export async function startEmergency(
  { tenants, temporal }: Door,
  {
    clientId,
    policyName,
    advisory,
    startedBy,
  }: { clientId: string; policyName: string; advisory: string; startedBy: string },
): Promise<CycleOrder> {
  const db = tenants.forClient(clientId);
  const site = await db.site.findFirst({ orderBy: { id: 'asc' } });
  if (!site) throw new Error(`There is no client ${clientId}; apply its files with patchcycle apply -f DIR.`);
  const order: CycleOrder = {
    cycleId: emergencyIdOf({ clientId, advisory }),
    clientId,
    policyName,
    kind: 'emergency',
    advisory,
    trigger: 'emergency',
    startedBy,
    civilDate: civilDate(new Date().toISOString(), site.timeZone),
    number: 1,
  };
  if (await db.cycle.findUnique({ where: { id: order.cycleId } })) return order;
  await temporal.workflow.start<typeof emergencyPatch>('emergencyPatch', {
    workflowId: order.cycleId,
    taskQueue: controlTaskQueue,
    args: [order],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `emergency: ${advisory} at ${clientId}`,
    typedSearchAttributes: cycleAttributes(order),
    priority: { priorityKey: 1 },
  });
  return order;
}

/** How much later than planned a schedule may still start a cycle, after an outage. */
const catchupWindow = '1 hour' as const;

/**
 * One schedule for each policy that has windows: it starts the planning at each opening, in the site's zone. The cycle
 * finds its own windows; the schedule only wakes it.
 */
export async function installSchedules(temporal: Client, files: ClientFiles): Promise<readonly string[]> {
  const installed: string[] = [];
  for (const policy of files.policies) {
    const calendars = calendarsOf(policy);
    if (calendars.length === 0) continue;
    const scheduleId = `schedule/${files.client.id}/${policy.name}`;
    const description = {
      spec: { calendars, timezone: files.sites[0]?.timeZone ?? 'UTC', jitter: '1 minute' as const },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow },
      action: {
        type: 'startWorkflow' as const,
        workflowType: 'planCycle',
        workflowId: `plan/${files.client.id}/${policy.name}`,
        taskQueue: controlTaskQueue,
        args: [{ clientId: files.client.id, policyName: policy.name }],
      },
    };
    const handle = temporal.schedule.getHandle(scheduleId);
    const exists = await handle.describe().catch((error: unknown) => {
      if (error instanceof ScheduleNotFoundError) return null;
      throw error;
    });
    if (exists) await handle.update(({ state }) => ({ ...description, state }));
    else await temporal.schedule.create({ scheduleId, ...description });
    installed.push(scheduleId);
  }
  return installed;
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
  if (opens.every === 'once') return [];
  const days = opens.every === 'week' ? opens.weekdays.map(dayOf) : [daysLater(dayOf(opens.weekday), opens.daysAfter)];
  return [{ dayOfWeek: days, hour, minute, comment: words }];
}

function dayOf(weekday: string): Day {
  return week.find((day) => day === weekday.toUpperCase()) ?? 'SUNDAY';
}

function daysLater(day: Day, days: number): Day {
  return week[(week.indexOf(day) + days) % week.length] ?? day;
}
