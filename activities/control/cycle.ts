/** Cycles as rows: opened, walked, ended. */
import type { CycleInput, SiteReference } from '../../domain/rollout/cycle.ts';
import type { Network, Policy } from '../../domain/policies/policy.ts';
import { emergencyPolicy } from '../../domain/policies/policy.ts';
import type { WindowInstant } from '../../domain/rollout/window.ts';
import { appendAudit, toJson } from '../../record/audit.ts';
import { civilDate } from '../../record/sites/calendar.ts';
import type { Tenants } from '../../record/database.ts';
import { readCycle } from '../../record/cycle.ts';
import { hasOpened, policyWindows } from '../../record/sites/windows.ts';
import { sayMinutes } from '../../domain/words.ts';
import { clientIdOf, cycleIdOf, siteTaskQueue } from '../../domain/ids.ts';
import type { Step } from '../../domain/rollout/steps.ts';
import { RecordRefusal } from '../../record/errors.ts';
import { bound } from '../bound.ts';
import { dayMilliseconds } from '../../record/instants.ts';

/** How far ahead windows become instants, at least: far enough for the next of any month. */
const windowHorizonDays = 35;

type Ports = { tenants: Tenants };

export function cycleActivities(ports: Ports) {
  return bound(ports, {
    openCycle,
    beginStep,
    recordStep,
    resolvePolicy,
    planScheduledCycle,
  });
}

/** Pins the newest version of the policy and opens the cycle's row. Opening it again answers the same. */
async function openCycle({ tenants }: Ports, input: CycleInput): Promise<{ readonly sites: readonly SiteReference[] }> {
  const db = tenants.forClient(input.clientId);
  const version = await db.policyVersion.findFirst({
    where: { name: input.policyName },
    orderBy: { version: 'desc' },
  });
  const client = await db.client.findUnique({ where: { id: input.clientId } });
  const known = await db.cycle.findUnique({ where: { id: input.cycleId } });
  if (!version || (!known && !client?.policyNames.includes(input.policyName)))
    throw new RecordRefusal(
      'PolicyUnknown',
      `no policy ${input.policyName} is in force for client ${input.clientId}; apply its files first`,
    );
  const standard = version.content as unknown as Policy;
  const now = new Date();
  await db.$transaction(async (tx) => {
    const known = await tx.cycle.findUnique({ where: { id: input.cycleId } });
    if (known) return;
    await tx.cycle.create({
      data: {
        id: input.cycleId,
        clientId: input.clientId,
        policyVersionId: version.id,
        kind: input.kind,
        advisory: input.advisory,
        trigger: input.trigger,
        startedBy: input.startedBy,
        civilDate: input.civilDate,
        number: input.number,
        startedAt: now,
        state: 'running',
        windows: {},
        policy: toJson(input.kind === 'emergency' ? emergencyPolicy(standard) : standard),
      },
    });
    await appendAudit(tx, input.clientId, [
      {
        key: `${input.cycleId} opened`,
        at: now.toISOString(),
        actor: input.startedBy,
        action: 'open cycle',
        subject: input.cycleId,
        because: [input.advisory ? `emergency for ${input.advisory}` : `${input.trigger}, policy ${version.name}`],
        detail: { policyVersion: version.id, digest: version.digest },
      },
    ]);
  });
  const sites = await db.site.findMany({ where: { retiredAt: null }, orderBy: { id: 'asc' } });
  return {
    sites: sites.map((site) => ({
      siteId: site.id,
      taskQueue: siteTaskQueue(site.id),
      networks: site.networks as unknown as Network[],
    })),
  };
}

async function beginStep(
  { tenants }: Ports,
  { cycleId, step, startedAt }: { cycleId: string; step: Step; startedAt: string },
): Promise<void> {
  const clientId = clientIdOf(cycleId);
  const row = { cycleId, clientId, step, state: 'running', startedAt: new Date(startedAt), because: [] };
  await tenants
    .forClient(clientId)
    .cycleStep.upsert({ where: { cycleId_step: { cycleId, step } }, create: row, update: {} });
}

async function recordStep(
  { tenants }: Ports,
  step: {
    cycleId: string;
    step: Step;
    state: 'done' | 'failed' | 'left out';
    startedAt: string;
    endedAt: string;
    because: readonly string[];
  },
): Promise<void> {
  const clientId = clientIdOf(step.cycleId);
  const row = {
    state: step.state,
    startedAt: new Date(step.startedAt),
    endedAt: new Date(step.endedAt),
    because: [...step.because],
  };
  const key = { cycleId: step.cycleId, step: step.step };
  await tenants.forClient(clientId).$transaction(async (tx) => {
    await tx.cycleStep.upsert({ where: { cycleId_step: key }, create: { ...key, clientId, ...row }, update: row });
    await appendAudit(tx, clientId, [
      {
        key: `${step.cycleId} ${step.step} ${step.state} ${step.endedAt}`,
        at: step.endedAt,
        actor: 'patchcycle',
        action: `step ${step.state}`,
        subject: `${step.cycleId} ${step.step}`,
        because: step.because,
      },
    ]);
  });
}

/**
 * Turns the policy's windows into instants for each site, once: whatever happens to clocks and zone tables later,
 * this cycle keeps them.
 */
async function resolvePolicy(
  { tenants }: Ports,
  { cycleId }: { cycleId: string },
): Promise<{
  readonly reportOnly: boolean;
  readonly because: readonly string[];
}> {
  const { db, cycle, policy } = await readCycle(tenants, cycleId);
  const sites = await db.site.findMany({ where: { retiredAt: null }, orderBy: { id: 'asc' } });
  // A straggler waits for its windows until its deadline.
  const horizonDays = Math.max(windowHorizonDays, policy.deadlineDays + 1);
  const untilAt = new Date(cycle.startedAt.getTime() + horizonDays * dayMilliseconds).toISOString();
  // Asked again after a lost answer, they are those on record.
  const recorded = cycle.windows as unknown as Readonly<Record<string, readonly WindowInstant[]>>;
  const windows =
    Object.keys(recorded).length > 0
      ? recorded
      : Object.fromEntries(
          sites.map((site) => [
            site.id,
            policyWindows(policy, site, { fromAt: cycle.startedAt.toISOString(), untilAt }),
          ]),
        );
  await db.cycle.update({ where: { id: cycleId }, data: { windows: toJson(windows) } });
  const inPolicy = await db.cycleEndpoint.count({ where: { cycleId, policyName: policy.name } });
  return {
    reportOnly: policy.mode === 'report only',
    because: [
      `policy ${cycle.policyVersion.name}, version ${cycle.policyVersion.version}, for ${inPolicy} endpoints`,
      ...(policy.mode === 'report only' ? ['it only reports'] : []),
      ...(cycle.kind === 'emergency' ? [`its emergency section, for ${cycle.advisory}`] : []),
      ...sites.map(
        (site) =>
          `${site.name}: ${windows[site.id]?.[0]?.words ?? `no window within ${sayMinutes(horizonDays * 24 * 60)}`}`,
      ),
    ],
  };
}

/** The order of a scheduled cycle, or why there is none: a civil date has one. */
async function planScheduledCycle(
  { tenants }: Ports,
  { clientId, policyName }: { clientId: string; policyName: string },
): Promise<{
  readonly input: CycleInput | null;
  readonly because: string;
}> {
  const db = tenants.forClient(clientId);
  const sites = await db.site.findMany({ where: { retiredAt: null }, orderBy: { id: 'asc' } });
  const newest = await db.policyVersion.findFirst({ where: { name: policyName }, orderBy: { version: 'desc' } });
  const client = await db.client.findUnique({ where: { id: clientId } });
  if (!newest || sites.length === 0 || !client?.policyNames.includes(policyName))
    return { input: null, because: `no policy ${policyName} is in force for client ${clientId}` };
  const policy = newest.content as unknown as Policy;
  const now = new Date();
  const opening = sites.find((site) => hasOpened(policy, site, now.toISOString()));
  if (!opening) return { input: null, because: `no window of ${policyName} opens now` };
  const date = civilDate(now.toISOString(), opening.timeZone);
  const cycleId = cycleIdOf({ clientId, policyName, civilDate: date, number: 1 });
  if (await db.cycle.findUnique({ where: { id: cycleId } }))
    return { input: null, because: `${date} has its cycle: ${cycleId}` };
  const input: CycleInput = {
    cycleId,
    clientId,
    policyName,
    kind: 'standard',
    advisory: null,
    trigger: 'schedule',
    startedBy: `schedule ${clientId}/${policyName}`,
    civilDate: date,
    number: 1,
  };
  return { input, because: `the first of ${date}` };
}
