import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { simulatedSnapshots } from '../../../activities/adapters/snapshots/simulated.ts';
import { fleetDirectory } from '../../../fleets/simulated/client.ts';
import type { FleetDirectory } from '../../../fleets/simulated/layout.ts';
import { fastPace, pending, startFleet } from '../../setup/simulated/running-fleet.ts';
import type { RunningFleet } from '../../setup/simulated/running-fleet.ts';
import { archiveOf } from '../../../fleets/simulated/archive.ts';
import { until } from '../../setup/until.ts';

const names = ['web-1', 'web-2', 'web-3'];
const restore = { restoreId: 'r1', generation: 2 };

function upgradeLines(log: string): readonly string[] {
  return log
    .split('\n')
    .filter((line) => line.includes(' upgrade '))
    .map((line) => line.split(' ')[3] ?? '');
}

it('goes on with installs in flight when the process is killed again and again, and does no package twice', async () => {
  const fleet = await startFleet({
    endpoints: names.map((name) => ({ name, site: 'north' })),
    pace: { ...fastPace, packageMilliseconds: 120 },
  });
  // Its last package does not end before all the kills.
  const held = join(fleet.directory, 'held');
  writeFileSync(held, '');
  const [last] = await pending(fleet, 'web-2', ['xz-utils']);
  const offered = archiveOf([]).find('xz-utils', last?.to ?? '');
  await fleet.client.publish({ ...offered!, faults: { heldBy: held } }, ['web-2']);
  const bootIds = new Map<string, string>();
  for (const name of names) {
    const patches = await pending(fleet, name);
    await fleet.submit(name, 'prefetch', { kind: 'prefetch', patches });
    await fleet.ended(name, 'prefetch');
    bootIds.set(name, (await fleet.agents.inventory(fleet.agent(name))).bootId);
    await fleet.submit(name, 'install', { kind: 'install', patches, allowRemove: [], limitMinutes: 100 });
  }
  for (const moment of ['upgrade openssl', 'configure libssl3', 'configure tzdata']) {
    await until(`web-2 is at ${moment}`, async () => (await fleet.dpkgLog('web-2')).includes(moment));
    await fleet.kill();
    expect(await fleet.dpkgLog('web-2')).not.toContain('status installed xz-utils');
    await fleet.start();
  }
  rmSync(held);
  for (const name of names) {
    expect(await fleet.ended(name, 'install')).toMatchObject({ state: 'succeeded' });
    expect(await pending(fleet, name)).toEqual([]);
    const upgraded = upgradeLines(await fleet.dpkgLog(name));
    expect(upgraded).toHaveLength(7);
    expect(new Set(upgraded).size).toBe(7);
    // A dead hypervisor is no power cut: the machines did not notice.
    expect((await fleet.agents.inventory(fleet.agent(name))).bootId).toBe(bootIds.get(name));
  }
});

it('completes a reboot that was under way when the process was killed', async () => {
  const fleet = await startFleet({ pace: { ...fastPace, shutdownMilliseconds: 10_000 } });
  const { bootId } = await fleet.agents.inventory(fleet.agent('web-1'));
  await fleet.submit('web-1', 'reboot', { kind: 'reboot', leaveBootId: bootId });
  const { hardware } = fleetDirectory(fleet.directory).endpoint('web-1');
  await until(
    'it is on its way down',
    async () => (JSON.parse(await readFile(hardware, 'utf8')) as { boots: number }).boots === 2,
  );
  await fleet.kill();
  await fleet.start();
  expect(await fleet.ended('web-1', 'reboot')).toMatchObject({ state: 'succeeded' });
  expect((await fleet.agents.inventory(fleet.agent('web-1'))).bootId).not.toBe(bootId);
});

describe('a restore that is cut short', () => {
  type Cut = (layout: FleetDirectory, name: string) => void;
  const keepFailedDisk: Cut = (layout, name) => {
    const evidence = layout.evidenceOf(name, restore.restoreId);
    mkdirSync(dirname(evidence), { recursive: true });
    renameSync(layout.endpoint(name).root, evidence);
  };
  /** What a kill between two steps leaves on the disk, by the name of the endpoint that it happens to. */
  const cuts: Readonly<Record<string, Cut>> = {
    'nothing-moved': () => undefined,
    'failed-disk-kept': keepFailedDisk,
    'copied-half': (layout, name) => {
      keepFailedDisk(layout, name);
      const half = `${layout.endpoint(name).root}.restoring`;
      cpSync(join(layout.snapshot(name, 's1'), 'root', 'state'), join(half, 'state'), { recursive: true });
      writeFileSync(join(half, 'dpkg.log'), 'half a line');
    },
  };

  it('is completed from whatever was left, and not done again where only its record is missing', async () => {
    const fleet = await fleetToRestore([...Object.keys(cuts), 'not-recorded']);
    const layout = fleetDirectory(fleet.directory);
    await simulatedSnapshots(fleet.socket).restore('not-recorded', 's1', restore);
    await fleet.agentsAnswer();
    await fleet.kill();
    for (const [name, cut] of Object.entries(cuts)) {
      record(layout, name, { restoring: { ...restore, snapshotId: 's1' } });
      cut(layout, name);
    }
    record(layout, 'not-recorded', { restoring: { ...restore, snapshotId: 's1' }, restores: {} });
    const since = join(layout.endpoint('not-recorded').root, 'written-since.txt');
    writeFileSync(since, 'kept');
    await fleet.start();
    for (const name of [...Object.keys(cuts), 'not-recorded']) await expectRestored(fleet, name);
    expect(existsSync(since)).toBe(true);
  });

  it('is completed when the process is killed as soon as it has begun', async () => {
    const fleet = await fleetToRestore(['web-1']);
    const { hardware } = fleetDirectory(fleet.directory).endpoint('web-1');
    const order = simulatedSnapshots(fleet.socket)
      .restore('web-1', 's1', restore)
      .catch((error: unknown) => error);
    // As often as can be: the moment is short.
    while (!readFileSync(hardware, 'utf8').includes('"r1"')) await setImmediate();
    await fleet.kill();
    await order;
    await fleet.start();
    await expectRestored(fleet, 'web-1');
  });
});

/** Installs over a snapshot on every endpoint, so that a restore has something to restore. */
async function fleetToRestore(endpoints: readonly string[]): Promise<RunningFleet> {
  const fleet = await startFleet({ endpoints: endpoints.map((name) => ({ name, site: 'north' })) });
  await Promise.all(
    endpoints.map(async (name) => {
      await simulatedSnapshots(fleet.socket).create(name, 's1');
      const patches = await pending(fleet, name, ['tzdata']);
      await fleet.submit(name, 'prefetch', { kind: 'prefetch', patches });
      await fleet.ended(name, 'prefetch');
      await fleet.submit(name, 'install', { kind: 'install', patches, allowRemove: [], limitMinutes: 10 });
      await fleet.ended(name, 'install');
    }),
  );
  return fleet;
}

async function expectRestored(fleet: RunningFleet, name: string): Promise<void> {
  await fleet.agentsAnswer();
  const restored = await simulatedSnapshots(fleet.socket).restore(name, 's1', restore);
  expect(restored.generation).toBe(2);
  await fleet.agentsAnswer();
  expect((await fleet.agents.inventory(fleet.agent(name))).generation).toBe(2);
  expect(await pending(fleet, name, ['tzdata'])).toHaveLength(1);
  const evidence = join(fleet.directory, restored.evidenceOfFailedState, 'dpkg.log');
  expect(await readFile(evidence, 'utf8')).toContain('upgrade tzdata:all');
  expect(await fleet.dpkgLog(name)).not.toContain('tzdata');
}

function record(layout: FleetDirectory, name: string, change: object): void {
  const { hardware } = layout.endpoint(name);
  writeFileSync(hardware, JSON.stringify({ ...(JSON.parse(readFileSync(hardware, 'utf8')) as object), ...change }));
}
