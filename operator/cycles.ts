/** How cycles are started from outside, at once. */
import { civilDate } from '../record/sites/calendar.ts';
import type { Tenants } from '../record/database.ts';
import type { CycleInput } from '../domain/rollout/cycle.ts';
import { cycleAttributes } from '../workflows/search-attributes.ts';
import type { emergencyPatch, patchCycle } from '../workflows/index.ts';
import type { Connections } from './connect.ts';
import { controlTaskQueue, cycleIdOf, emergencyIdOf } from '../domain/ids.ts';

/** Starts a cycle now. A further one on the same civil date gets the next number. */
export async function startCycle(
  { tenants, temporal }: Connections,
  { clientId, policyName, startedBy }: { clientId: string; policyName: string; startedBy: string },
): Promise<CycleInput> {
  const { db, timeZone } = await policyInForce(tenants, clientId, policyName);
  const date = civilDate(new Date().toISOString(), timeZone);
  const last = await db.cycle.findFirst({
    where: { kind: 'standard', civilDate: date, policyVersion: { name: policyName } },
    orderBy: { number: 'desc' },
  });
  const number = (last?.number ?? 0) + 1;
  const input: CycleInput = {
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
    workflowId: input.cycleId,
    taskQueue: controlTaskQueue,
    args: [input],
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    staticSummary: `${policyName} of ${clientId}, ${date}`,
    typedSearchAttributes: cycleAttributes(input),
  });
  return input;
}

/**
 * Starts the emergency cycle of an advisory, once: starting it again answers the one there is.
 * @throws Error when the one there is works on another policy
 */
export async function startEmergency(
  { tenants, temporal }: Connections,
  {
    clientId,
    policyName,
    advisory,
    startedBy,
  }: { clientId: string; policyName: string; advisory: string; startedBy: string },
): Promise<CycleInput> {
  const { db, timeZone } = await policyInForce(tenants, clientId, policyName);
  const wanted: CycleInput = {
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
  // Another process may have started it a moment ago, before it had a row.
  const worksOn = (await handle.describe()).memo?.['policyName'];
  refuseOtherPolicy(wanted, typeof worksOn === 'string' ? worksOn : 'another policy');
  return wanted;
}

function refuseOtherPolicy({ advisory, clientId, policyName }: CycleInput, worksOn: string): void {
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
