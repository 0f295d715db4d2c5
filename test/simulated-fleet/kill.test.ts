import { cpSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { simulatedSnapshots } from '../../activities/adapters/snapshots/simulated.ts';
import { fleetDirectory } from '../../tools/simulated-fleet/fleet.ts';
import { fastPace, pending, standingFleet, until } from './standing-fleet.ts';
import type { StandingFleet } from './standing-fleet.ts';

const names = ['web-1', 'web-2', 'web-3'];
const restore = { restoreId: 'r1', generation: 2 };

function upgradeLines(log: string): readonly string[] {
  return log
    .split('\n')
    .filter((line) => line.includes(' upgrade '))
    .map((line) => line.split(' ')[3] ?? '');
}

it('goes on with installs in flight when the process is killed again and again, and does no package twice', async () => {
  const fleet = await standingFleet({
    endpoints: names.map((name) => ({ name, site: 'north' })),
    pace: { ...fastPace, packageMilliseconds: 120 },
  });
  const bootIds = new Map<string, string>();
  for (const name of names) {
    const patches = await pending(fleet, name);
    await fleet.submit(name, 'prefetch', { kind: 'prefetch', patches });
    await fleet.ended(name, 'prefetch');
    bootIds.set(name, (await fleet.agents.inventory(fleet.agent(name))).bootId);
    await fleet.submit(name, 'install', { kind: 'install', patches, allowRemove: [], limitMinutes: 100 });
  }
  for (const moment of ['upgrade openssl', 'configure libssl3', 'configure tzdata']) {
    await until(async () => (await fleet.dpkgLog('web-2')).includes(moment));
    await fleet.kill();
    expect(await fleet.dpkgLog('web-2')).not.toContain('status installed xz-utils');
    await fleet.start();
  }
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
  const fleet = await standingFleet({ pace: { ...fastPace, shutdownMilliseconds: 10_000 } });
  const { bootId } = await fleet.agents.inventory(fleet.agent('web-1'));
  await fleet.submit('web-1', 'reboot', { kind: 'reboot', leaveBootId: bootId });
  const { hardware } = fleetDirectory(fleet.directory).endpoint('web-1');
  await until(async () => (JSON.parse(await readFile(hardware, 'utf8')) as { boots: number }).boots === 2);
  await fleet.kill();
  await fleet.start();
  expect(await fleet.ended('web-1', 'reboot')).toMatchObject({ state: 'succeeded' });
  expect((await fleet.agents.inventory(fleet.agent('web-1'))).bootId).not.toBe(bootId);
});

describe('a restore that is cut short', () => {
  /** Installs over a snapshot, so that a restore has something to put back. */
  async function fleetToRestore(): Promise<StandingFleet> {
    const fleet = await standingFleet();
    await simulatedSnapshots(fleet.socket).create('web-1', 's1');
    const patches = await pending(fleet, 'web-1', ['tzdata']);
    await fleet.submit('web-1', 'prefetch', { kind: 'prefetch', patches });
    await fleet.ended('web-1', 'prefetch');
    await fleet.submit('web-1', 'install', { kind: 'install', patches, allowRemove: [], limitMinutes: 10 });
    await fleet.ended('web-1', 'install');
    return fleet;
  }

  async function expectRestored(fleet: StandingFleet): Promise<void> {
    await fleet.agentsAnswer();
    const restored = await simulatedSnapshots(fleet.socket).restore('web-1', 's1', restore);
    expect(restored.generation).toBe(2);
    await fleet.agentsAnswer();
    const inventory = await fleet.agents.inventory(fleet.agent('web-1'));
    expect(inventory.generation).toBe(2);
    expect(await pending(fleet, 'web-1', ['tzdata'])).toHaveLength(1);
    const evidence = join(fleet.directory, restored.evidenceOfFailedState, 'dpkg.log');
    expect(await readFile(evidence, 'utf8')).toContain('upgrade tzdata:all');
    expect(await fleet.dpkgLog('web-1')).not.toContain('tzdata');
  }

  it('is completed when the process is killed as soon as the restore has begun', async () => {
    const fleet = await fleetToRestore();
    const { hardware } = fleetDirectory(fleet.directory).endpoint('web-1');
    const order = simulatedSnapshots(fleet.socket)
      .restore('web-1', 's1', restore)
      .catch((error: unknown) => error);
    // As often as can be: the moment is short.
    while (!readFileSync(hardware, 'utf8').includes('"r1"')) await setImmediate();
    await fleet.kill();
    await order;
    await fleet.start();
    await expectRestored(fleet);
  });

  // Each is what a kill between two steps leaves on the disk.
  const cuts: Readonly<Record<string, (fleet: StandingFleet) => void>> = {
    'before anything was moved': () => undefined,
    'after the failed disk was kept': (fleet) => keepFailedDisk(fleet),
    'in the middle of copying the snapshot': (fleet) => {
      keepFailedDisk(fleet);
      const layout = fleetDirectory(fleet.directory);
      const half = `${layout.endpoint('web-1').root}.restoring`;
      cpSync(join(layout.snapshot('web-1', 's1'), 'root', 'state'), join(half, 'state'), { recursive: true });
      writeFileSync(join(half, 'dpkg.log'), 'half a line');
    },
  };
  for (const [moment, cut] of Object.entries(cuts)) {
    it(`is completed from what was left ${moment}`, async () => {
      const fleet = await fleetToRestore();
      await fleet.kill();
      const { hardware } = fleetDirectory(fleet.directory).endpoint('web-1');
      const known = JSON.parse(readFileSync(hardware, 'utf8')) as object;
      writeFileSync(hardware, JSON.stringify({ ...known, restoring: { ...restore, snapshotId: 's1' } }));
      cut(fleet);
      await fleet.start();
      await expectRestored(fleet);
    });
  }

  it('is completed, and not done again, from what was left when only the record was missing', async () => {
    const fleet = await fleetToRestore();
    await simulatedSnapshots(fleet.socket).restore('web-1', 's1', restore);
    await fleet.agentsAnswer();
    await fleet.kill();
    const { hardware, root } = fleetDirectory(fleet.directory).endpoint('web-1');
    const known = JSON.parse(readFileSync(hardware, 'utf8')) as object;
    writeFileSync(hardware, JSON.stringify({ ...known, restoring: { ...restore, snapshotId: 's1' }, restores: {} }));
    writeFileSync(join(root, 'written-since.txt'), 'kept');
    await fleet.start();
    await expectRestored(fleet);
    expect(existsSync(join(root, 'written-since.txt'))).toBe(true);
  });

  function keepFailedDisk(fleet: StandingFleet): void {
    const layout = fleetDirectory(fleet.directory);
    const evidence = layout.evidenceOf('web-1', 'r1');
    cpSync(layout.endpoint('web-1').root, evidence, { recursive: true });
    renameSync(layout.endpoint('web-1').root, join(fleet.directory, 'moved-away'));
  }
});
