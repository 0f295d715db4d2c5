/** Starting cycles from outside, while no worker runs at all. */
import { expect, onTestFinished, test } from 'vitest';
import { applyClient } from '../../operator/apply.ts';
import { startCycle, startEmergency } from '../../operator/cycles.ts';
import { installSchedules } from '../../operator/schedules.ts';
import { appliedClient, temporalClient } from '../setup/record/applied-client.ts';

const advisory = 'CVE-2026-12345';

async function prepared() {
  const [client, temporal] = await Promise.all([appliedClient(), temporalClient()]);
  const { tenants, files, clientId } = client;
  const policy = files.policies.find(({ name }) => name === 'servers');
  if (!policy) throw new Error('The example has no policy servers.');
  await applyClient(tenants, { ...files, policies: [...files.policies, { ...policy, name: 'desktops' }] }, 'dana');
  const connections = { tenants, temporal: async () => temporal };
  return { ...client, temporal, connections, request: { clientId, advisory, startedBy: 'dana' } };
}

test('neither a cycle nor an emergency starts for a policy that is not in force', async () => {
  const { tenants, files, temporal, connections, clientId, request } = await prepared();
  await applyClient(tenants, files, 'dana');
  for (const policyName of ['desktops', 'never-heard-of']) {
    const started = startCycle(connections, { clientId, policyName, startedBy: 'dana' });
    await expect(started).rejects.toThrow(`No policy ${policyName} is in force`);
    const emergency = startEmergency(connections, { ...request, policyName });
    await expect(emergency).rejects.toThrow(`No policy ${policyName} is in force`);
  }
  await expect(temporal.workflow.getHandle(`emergency/${clientId}/${advisory}`).describe()).rejects.toThrow();
});

test('an emergency that is started again is the one there is, and says so where that is for another policy', async () => {
  const { tenants, temporal, connections, clientId, request } = await prepared();
  const { cycleId } = await startEmergency(connections, { ...request, policyName: 'servers' });
  onTestFinished(async () => void (await temporal.workflow.getHandle(cycleId).terminate()));
  const again = () => startEmergency(connections, { ...request, startedBy: 'lee', policyName: 'servers' });
  const other = () => startEmergency(connections, { ...request, policyName: 'desktops' });
  // Before the cycle has a row, and after.
  expect((await again()).cycleId).toBe(cycleId);
  await expect(other()).rejects.toThrow(`The emergency for ${advisory} at ${clientId} works on servers`);
  await recordCycle({ tenants, clientId, cycleId });
  expect(await again()).toMatchObject({ cycleId, startedBy: 'dana', policyName: 'servers' });
  await expect(other()).rejects.toThrow(/works on servers; desktops has to wait/);
});

test('each policy with windows wakes in each zone of its client, and schedules go with their policy', async () => {
  const { files, temporal, clientId } = await prepared();
  onTestFinished(async () => void (await installSchedules(temporal, { ...files, policies: [] })));
  const ids = ['America/Chicago', 'Europe/Berlin'].map((zone) => `schedule/${clientId}/servers/${zone}`);
  expect((await installSchedules(temporal, files)).toSorted()).toEqual(ids);
  const zones = await Promise.all(
    ids.map(async (id) => (await temporal.schedule.getHandle(id).describe()).spec.timezone),
  );
  expect(zones).toEqual(['America/Chicago', 'Europe/Berlin']);

  const berlin = { ...files, sites: files.sites.filter(({ id }) => id === 'berlin') };
  await expect.poll(() => scheduleIds()).toEqual(ids);
  await installSchedules(temporal, berlin);
  await expect.poll(() => scheduleIds()).toEqual(ids.slice(1));
  await installSchedules(temporal, { ...berlin, policies: [] });
  await expect.poll(() => scheduleIds()).toEqual([]);

  async function scheduleIds(): Promise<string[]> {
    const found: string[] = [];
    for await (const { scheduleId } of temporal.schedule.list())
      if (scheduleId.startsWith(`schedule/${clientId}/`)) found.push(scheduleId);
    return found.toSorted();
  }
});

/** The row that the cycle's workflow would write first. */
async function recordCycle({
  tenants,
  clientId,
  cycleId,
}: Pick<Awaited<ReturnType<typeof prepared>>, 'tenants' | 'clientId'> & { cycleId: string }): Promise<void> {
  const kind = cycleId.startsWith('emergency/') ? 'emergency' : 'standard';
  await tenants.forClient(clientId).cycle.create({
    data: {
      id: cycleId,
      clientId,
      policyVersionId: `${clientId}/servers/1`,
      kind,
      trigger: 'on demand',
      startedBy: 'dana',
      civilDate: '2026-11-22',
      number: 1,
      startedAt: new Date(),
      state: 'running',
      windows: {},
      policy: {},
    },
  });
}
