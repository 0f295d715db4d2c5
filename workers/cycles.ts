/** How cycles are started from outside: by the command line, by schedules. */
import type { CalendarSpec, Client } from '@temporalio/client';
import { civilDate } from '../activities/calendar.ts';
import type { Tenants } from '../activities/ports/database.ts';
import { type CycleOrder, controlTaskQueue, cycleIdOf, emergencyIdOf } from '../domain/cycle.ts';
import type { ClientFiles, Policy, WindowRule } from '../domain/policy.ts';
import { cycleAttributes } from '../workflows/search-attributes.ts';
import type { emergencyPatch, patchCycle } from '../workflows/index.ts';
import type { Running } from './running.ts';
import { keepSchedule } from './schedules.ts';

type Door = Pick<Running, 'tenants' | 'temporal'>;

/** Starts a cycle now. A further one on the same civil date gets the next number. */
export async function startCycle(
  { tenants, temporal }: Door,
  { clientId, policyName, startedBy }: { clientId: string; policyName: string; startedBy: string },
): Promise<CycleOrder> {
  const { db, timeZone } = await policyInForce(tenants, clientId, policyName);
  const date = civilDate(new Date().toISOString(), timeZone);
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
  await (
    await temporal()
  ).workflow.start<typeof patchCycle>('patchCycle', {
    workflowId: order.cycleId,
    taskQueue: controlTaskQueue,
    args: [order],
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    staticSummary: `${policyName} of ${clientId}, ${date}`,
    typedSearchAttributes: cycleAttributes(order),
  });
  return order;
}

/**
 * Starts the emergency cycle of an advisory, once: starting it again answers the one there is.
 * @throws Error when the one there is works on another policy
 */
export async function startEmergency(
  { tenants, temporal }: Door,
  {
    clientId,
    policyName,
    advisory,
    startedBy,
  }: { clientId: string; policyName: string; advisory: string; startedBy: string },
): Promise<CycleOrder> {
  const { db, timeZone } = await policyInForce(tenants, clientId, policyName);
  const wanted: CycleOrder = {
    cycleId: emergencyIdOf({ clientId, advisory }),
    clientId,
    policyName,
    kind: 'emergency',
    advisory,
    trigger: 'emergency',
    startedBy,
    civilDate: civilDate(new Date().toISOString(), timeZone),
    number: 1,
  };
  const known = await db.cycle.findUnique({ where: { id: wanted.cycleId }, include: { policyVersion: true } });
  if (known) {
    refuseOtherPolicy(wanted, known.policyVersion.name);
    return { ...wanted, startedBy: known.startedBy, civilDate: known.civilDate };
  }
  const handle = await (
    await temporal()
  ).workflow.start<typeof emergencyPatch>('emergencyPatch', {
    workflowId: wanted.cycleId,
    taskQueue: controlTaskQueue,
    args: [wanted],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `emergency: ${advisory} at ${clientId}`,
    typedSearchAttributes: cycleAttributes(wanted),
    memo: { policyName },
    priority: { priorityKey: 1 },
  });
  // Somebody else may have started it a moment ago, before it had a row.
  const worksOn = (await handle.describe()).memo?.['policyName'];
  refuseOtherPolicy(wanted, typeof worksOn === 'string' ? worksOn : 'another policy');
  return wanted;
}

function refuseOtherPolicy({ advisory, clientId, policyName }: CycleOrder, worksOn: string): void {
  if (worksOn === policyName) return;
  throw new Error(
    `The emergency for ${advisory} at ${clientId} works on ${worksOn}; ${policyName} has to wait for its next cycle.`,
  );
}

/** The client's part of the database, and the zone whose date its cycles carry. */
async function policyInForce(tenants: Tenants, clientId: string, policyName: string) {
  const db = tenants.forClient(clientId);
  const client = await db.client.findFirst();
  if (!client) throw new Error(`There is no client ${clientId}; apply its files with patchcycle apply -f DIR.`);
  if (!client.policyNames.includes(policyName))
    throw new Error(
      `No policy ${policyName} is in force for ${clientId}; there is ${client.policyNames.join(', ') || 'none'}.`,
    );
  const site = await db.site.findFirst({ where: { retiredAt: null }, orderBy: { id: 'asc' } });
  if (!site) throw new Error(`Client ${clientId} has no site; name one in its files and apply them.`);
  return { db, timeZone: site.timeZone };
}

/** How much later than planned a schedule may still start a cycle, after an outage. */
const catchupWindow = '1 hour' as const;

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
    catchupWindow,
    action: {
      workflowType: 'planCycle',
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
