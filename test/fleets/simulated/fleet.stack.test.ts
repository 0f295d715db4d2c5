import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { simulatedNetwork } from '../../../activities/adapters/networks/simulated.ts';
import { simulatedSandboxes } from '../../../activities/adapters/sandboxes/simulated.ts';
import { simulatedSnapshots } from '../../../activities/adapters/snapshots/simulated.ts';
import { ScanRefused } from '../../../activities/ports/network.ts';
import { AgentRefused, AgentUnreachable } from '../../../activities/ports/agent.ts';
import { SandboxFailed } from '../../../activities/ports/sandboxes.ts';
import { SnapshotFailed } from '../../../activities/ports/snapshots.ts';
import { macAddressOf } from '../../../fleets/simulated/fleet-plan.ts';
import { fleetDirectory } from '../../../fleets/simulated/client.ts';
import { operationIdOf } from '../../setup/simulated/operation-id.ts';
import { openFleet, pending } from '../../setup/simulated/running-fleet.ts';
import type { RunningFleet } from '../../setup/simulated/running-fleet.ts';
import { nginxPatch, nginxVersion } from '../../setup/simulated/running-machine.ts';
import { until } from '../../setup/until.ts';

/** One fleet for all: each test that changes a machine has one of its own. */
let fleet: RunningFleet;
beforeAll(async () => {
  const north = ['web-1', 'web-2', 'web-3', 'web-4', 'web-5', 'web-6', 'web-7', 'web-8', 'web-9'];
  const endpoints = [...north.map((name) => ({ name, site: 'north' })), { name: 'db-1', site: 'south' }];
  fleet = await openFleet({ endpoints, off: ['web-2'] });
});
afterAll(() => fleet.close());

/** Fetches and installs, each as an operation of its own; returns how the install ended. */
async function installed(name: string, words: string, patches = [nginxPatch]) {
  await fleet.submit(name, `${words} prefetch`, { kind: 'prefetch', patches });
  await fleet.ended(name, `${words} prefetch`);
  await fleet.submit(name, words, { kind: 'install', patches, allowRemove: [], limitMinutes: 10 });
  return fleet.ended(name, words);
}

const nginxOf = async (name: string): Promise<string | undefined> =>
  (await fleet.agents.observe(fleet.agent(name), { packages: ['nginx'], checks: [] })).installed[0]?.version;

it('hosts agents that enrolled themselves, each over its own machine, and installs what is pending on one of them', async () => {
  const before = await fleet.agents.inventory(fleet.agent('web-1'));
  const patches = await pending(fleet, 'web-1');
  expect(patches).toHaveLength(7);
  expect(await installed('web-1', 'all', [...patches])).toMatchObject({ state: 'succeeded' });
  expect((await fleet.agents.inventory(fleet.agent('web-1'))).pendingReboot.due).toBe(true);
  await fleet.submit('web-1', 'reboot', { kind: 'reboot', leaveBootId: before.bootId });
  expect(await fleet.ended('web-1', 'reboot')).toMatchObject({ state: 'succeeded' });
  const after = await fleet.agents.inventory(fleet.agent('web-1'));
  expect(after.bootId).not.toBe(before.bootId);
  expect(after.pendingReboot.due).toBe(false);
  expect(await pending(fleet, 'web-1')).toEqual([]);
  expect(await pending(fleet, 'db-1')).toHaveLength(7);
});

it('shows on a network what is up there and what nobody manages, not what is off, and refuses a foreign network', async () => {
  const network = simulatedNetwork(fleet.socket);
  const macAddresses = async () =>
    (await network.scan({ cidr: '10.77.1.0/24', routed: false })).map((sighting) => sighting.macAddress);
  const seen = await network.scan({ cidr: '10.77.1.0/24', routed: false });
  const { address } = await fleet.endpoint('web-1');
  expect(seen).toHaveLength(9);
  expect(seen).toContainEqual({ address: `${address.host}:${address.port}`, macAddress: macAddressOf('web-1') });
  expect(seen).toContainEqual({ address: '10.77.1.200', macAddress: macAddressOf('10.77.1.200') });
  expect(await macAddresses()).not.toContain(macAddressOf('web-2'));
  expect(await fleet.client.sightings('south')).toHaveLength(1);
  await fleet.client.power('web-2', 'on');
  await until('web-2 is seen', async () => (await macAddresses()).includes(macAddressOf('web-2')));
  await expect(network.scan({ cidr: '192.0.2.0/24', routed: true })).rejects.toThrow(ScanRefused);
});

it('obeys the power button and the plug', async () => {
  const before = await fleet.agents.inventory(fleet.agent('web-3'));
  await fleet.client.power('web-3', 'cut');
  await expect(fleet.agents.inventory(fleet.agent('web-3'))).rejects.toThrow(AgentUnreachable);
  expect(await fleet.endpoint('web-3')).toMatchObject({ power: 'off', state: 'off', agentAnswers: false });
  await fleet.client.power('web-3', 'on');
  await fleet.agentsAnswer();
  const after = await fleet.agents.inventory(fleet.agent('web-3'));
  expect([after.bootId === before.bootId, after.machineId]).toEqual([false, before.machineId]);
  await fleet.client.power('web-3', 'off');
  await fleet.client.power('web-3', 'off');
  expect(await fleet.endpoint('web-3')).toMatchObject({ power: 'off', state: 'off' });
  await expect(fleet.client.power('nobody', 'on')).rejects.toThrow('has no endpoint nobody');
});

it('publishes a version with a fault to one endpoint and without it to the others', async () => {
  await fleet.client.publish(nginxVersion());
  await fleet.client.publish(nginxVersion({ faults: { breaksService: 'nginx' } }), ['db-1']);
  for (const [name, passed] of [
    ['web-4', true],
    ['db-1', false],
  ] as const) {
    expect(await installed(name, `nginx on ${name}`)).toMatchObject({ state: 'succeeded' });
    const checks = await fleet.agents.checks(fleet.agent(name), [{ service: 'nginx' }]);
    expect(checks).toMatchObject([{ passed }]);
  }
  await expect(fleet.client.publish({ ...nginxVersion(), depends: ['not a relation!'] })).rejects.toThrow('relation');
});

it('puts a machine back: old versions, a new boot, the raised generation, and the failed state kept as evidence', async () => {
  const snapshots = simulatedSnapshots(fleet.socket);
  await fleet.client.publish(nginxVersion({ faults: { doesNotBoot: true } }), ['web-5']);
  const before = await fleet.agents.inventory(fleet.agent('web-5'));
  await snapshots.create('web-5', 's1');
  expect(await snapshots.verify('web-5', 's1')).toMatchObject({ usable: true });
  await installed('web-5', 'bad');
  await fleet.submit('web-5', 'reboot', { kind: 'reboot', leaveBootId: before.bootId });
  await until('web-5 does not come up', async () => (await fleet.endpoint('web-5')).state === 'does not come up');
  await expect(fleet.agents.inventory(fleet.agent('web-5'))).rejects.toThrow(AgentUnreachable);

  const restore = { restoreId: 'r1', generation: 2 };
  const restored = await snapshots.restore('web-5', 's1', restore);
  await fleet.agentsAnswer();
  const after = await fleet.agents.inventory(fleet.agent('web-5'));
  expect(after).toMatchObject({ generation: 2, machineId: before.machineId });
  expect(after.bootId).not.toBe(before.bootId);
  expect(await nginxOf('web-5')).toBe(nginxPatch.from);
  const evidence = join(fleet.directory, restored.evidenceOfFailedState);
  expect(await readFile(join(evidence, 'dpkg.log'), 'utf8')).toContain('upgrade nginx:amd64');
  expect(await readFile(join(evidence, 'state', 'ledger', `${operationIdOf('bad')}.json`), 'utf8')).toContain(
    'succeeded',
  );
  expect(await fleet.dpkgLog('web-5')).not.toContain('upgrade nginx:amd64');

  // A late repeat for the machine as it was before is refused.
  const late = fleet.submit('web-5', 'bad', {
    kind: 'install',
    patches: [nginxPatch],
    allowRemove: [],
    limitMinutes: 10,
  });
  await expect(late).rejects.toMatchObject({ code: 'older generation' } satisfies Partial<AgentRefused>);
  expect(await snapshots.restore('web-5', 's1', restore)).toEqual(restored);
  expect((await fleet.agents.inventory(fleet.agent('web-5'))).bootId).toBe(after.bootId);
});

it('calls a snapshot unusable when a byte of it has changed, and restores nothing from it', async () => {
  const snapshots = simulatedSnapshots(fleet.socket);
  await snapshots.create('web-6', 's1');
  const file = join(fleetDirectory(fleet.directory).snapshot('web-6', 's1'), 'root', 'dpkg.log');
  await appendFile(file, 'x');
  const verdict = await snapshots.verify('web-6', 's1');
  expect(verdict).toEqual({ usable: false, because: 'Not as it was taken: dpkg.log.' });
  const restore = snapshots.restore('web-6', 's1', { restoreId: 'r1', generation: 2 });
  await expect(restore).rejects.toMatchObject({ retryable: false } satisfies Partial<SnapshotFailed>);
  expect((await fleet.endpoint('web-6')).state).toBe('up');
  expect(await snapshots.verify('web-6', 'never-taken')).toMatchObject({ usable: false });
});

it('clones a machine into a sandbox with an identity of its own, where only what was fetched before can be installed', async () => {
  const sandboxes = simulatedSandboxes(fleet.socket);
  const original = await fleet.agents.inventory(fleet.agent('web-7'));
  const patches = await pending(fleet, 'web-7', ['tzdata']);
  await fleet.submit('web-7', 'prefetch', { kind: 'prefetch', patches });
  await fleet.ended('web-7', 'prefetch');

  const { certificateRequest } = await sandboxes.prepare('web-7', 'sandbox-1');
  expect(await sandboxes.prepare('web-7', 'sandbox-1')).toEqual({ certificateRequest });
  const signed = { endpointId: 'sandbox-1', certificateRequest, validityDays: 1 };
  const identity = {
    certificate: await fleet.authority.signEndpoint(signed),
    authority: await fleet.authority.certificate(),
  };
  const agent = await sandboxes.start('sandbox-1', identity);
  expect(await sandboxes.start('sandbox-1', identity)).toEqual(agent);
  await until('the sandboxes answer', async () =>
    (await fleet.client.status()).sandboxes.every((each) => each.agentAnswers),
  );
  const clone = await fleet.agents.inventory(agent);
  expect(clone).toMatchObject({ hostname: 'sandbox-1', generation: 1 });
  expect([clone.machineId, clone.bootId]).not.toContain(original.machineId);
  expect(await fleet.agents.report(agent, operationIdOf('prefetch'))).toBeNull();
  await expect(fleet.agents.availableUpdates(agent)).rejects.toThrow('unreachable');

  const permit = { permitId: 'test', issuedAt: new Date().toISOString() };
  const body = { kind: 'install', patches, allowRemove: [], limitMinutes: 10 } as const;
  const operationId = operationIdOf('in the sandbox');
  await fleet.agents.submit(agent, { operationId, generation: 1, permit, body });
  await until(
    'the operation succeeds',
    async () => (await fleet.agents.report(agent, operationId))?.state === 'succeeded',
  );
  expect(await pending(fleet, 'web-7', ['tzdata'])).toHaveLength(1);

  expect(await sandboxes.list()).toEqual(['sandbox-1']);
  await sandboxes.destroy('sandbox-1');
  await sandboxes.destroy('sandbox-1');
  expect(await sandboxes.list()).toEqual([]);
  await expect(fleet.agents.inventory(agent)).rejects.toThrow(AgentUnreachable);
  await expect(sandboxes.start('sandbox-1', identity)).rejects.toThrow(SandboxFailed);
});

it('loses its power in an install, comes back in another boot, and its agent says what was interrupted', async () => {
  await fleet.client.publish(nginxVersion({ faults: { losesPower: 'briefly' } }), ['web-9']);
  const before = await fleet.agents.inventory(fleet.agent('web-9'));
  expect(await installed('web-9', 'cut')).toMatchObject({ state: 'interrupted' });
  const after = await fleet.agents.observe(fleet.agent('web-9'), { packages: ['nginx'], checks: [] });
  expect(after).toMatchObject({ installed: [], audit: expect.stringContaining('nginx') as string });
  expect(after.bootId).not.toBe(before.bootId);
  await fleet.submit('web-9', 'repair', { kind: 'repair', patches: [nginxPatch], limitMinutes: 10 });
  expect(await fleet.ended('web-9', 'repair')).toMatchObject({ state: 'succeeded' });
});

it('silences an agent and lets it speak again', async () => {
  await fleet.client.publish(nginxVersion({ faults: { silencesAgent: true } }), ['web-8']);
  await fleet.submit('web-8', 'prefetch', { kind: 'prefetch', patches: [nginxPatch] });
  await fleet.ended('web-8', 'prefetch');
  await fleet.submit('web-8', 'bad', { kind: 'install', patches: [nginxPatch], allowRemove: [], limitMinutes: 10 });
  await until('the agent of web-8 is silent', async () => !(await fleet.endpoint('web-8')).agentAnswers);
  expect((await fleet.endpoint('web-8')).state).toBe('up');
  await fleet.client.publish(nginxVersion(), ['web-8']);
  await fleet.client.setFaults('web-8', { silencesAgent: false });
  expect(await fleet.ended('web-8', 'bad')).toMatchObject({ state: 'succeeded' });
});

it('says plainly when no process runs the fleet', async () => {
  await fleet.kill();
  await expect(fleet.client.status()).rejects.toThrow('No process runs the simulated fleet');
  const verdict = simulatedSnapshots(fleet.socket).verify('web-1', 's1');
  await expect(verdict).rejects.toMatchObject({ retryable: true } satisfies Partial<SnapshotFailed>);
});
