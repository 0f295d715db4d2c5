/** How cycles are started and spoken to from outside: by the command line, by schedules. */
import {
  type CalendarSpec,
  type Client,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  WorkflowNotFoundError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { civilDate } from '../activities/calendar.ts';
import { orderActivities } from '../activities/orders.ts';
import type { Tenants } from '../activities/ports/database.ts';
import { type CycleOrder, type PersonsWord, controlTaskQueue, cycleIdOf, emergencyIdOf } from '../domain/cycle.ts';
import type { ClientFiles, Policy, WindowRule } from '../domain/policy.ts';
import { halt } from '../workflows/messages.ts';
import { cycleAttributes } from '../workflows/search-attributes.ts';
import type { emergencyPatch, patchCycle } from '../workflows/index.ts';
import { unknownCycle } from './refusals.ts';

type Door = { readonly tenants: Tenants; readonly temporal: Client };

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
  const handle = await temporal.workflow.start<typeof emergencyPatch>('emergencyPatch', {
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

const answerSeconds = 5;

/**
 * Halts a cycle: first the row, by which no more permits are given anywhere, then the word to the cycle itself. The
 * halt holds whatever comes of the second; the sentence says what did.
 */
export async function haltCycle({ tenants, temporal }: Door, cycleId: string, word: PersonsWord): Promise<string> {
  const cycle = temporal.workflow.getHandle(cycleId);
  if (!(await isCycle({ tenants, temporal }, cycleId))) throw unknownCycle(cycleId);
  await orderActivities({ tenants }).orderHalt({ cycleId, word, at: new Date().toISOString() });
  try {
    const until = Date.now() + answerSeconds * 1000;
    await temporal.withDeadline(until, () => cycle.executeUpdate(halt, { args: [word] }));
    return `Halted ${cycleId}.`;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError)
      return `Halted ${cycleId}: it has closed, and its catch-ups start nothing more.`;
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)
      return `Halted ${cycleId}: the halt is on record and in force, though no worker has answered within ${answerSeconds} seconds.`;
    throw error;
  }
}

/** Whether there is, or was, a cycle of that id. One that was started this moment has no row yet. */
export async function isCycle({ tenants, temporal }: Door, cycleId: string): Promise<boolean> {
  if (await tenants.everybody.cycle.findUnique({ where: { id: cycleId } })) return true;
  try {
    return (await temporal.workflow.getHandle(cycleId).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
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
  const description = {
    spec: { calendars: calendarsOf(policy), timezone: zone, jitter: '1 minute' as const },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'planCycle',
      workflowId: `plan/${clientId}/${policy.name}/${zone}`,
      taskQueue: controlTaskQueue,
      args: [{ clientId, policyName: policy.name }],
    },
  };
  const handle = temporal.schedule.getHandle(scheduleId);
  const exists = await handle.describe().catch((error: unknown) => {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  });
  if (exists) await handle.update(({ state }) => ({ ...description, state }));
  else await temporal.schedule.create({ scheduleId, ...description });
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
