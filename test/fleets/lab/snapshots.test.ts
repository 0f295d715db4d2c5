import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { run } from '../../../activities/adapters/command.ts';
import { btrfsSnapshots } from '../../../activities/adapters/snapshots/btrfs.ts';
import type { BtrfsPlace } from '../../../activities/adapters/btrfs-place.ts';
import { execIn, endpointMachine, power, powerOf, powerOn } from '../../../fleets/lab/machine.ts';
import { labSnapshotPlace } from '../../../fleets/lab/places.ts';
import { until } from '../../../fleets/lab/until.ts';
import { describeSnapshotContract, type SnapshotWorld } from '../../contracts/snapshot-contract.ts';
import { describeInLab } from '../../setup/lab/in-lab.ts';

const endpointId = 'e1';

describeInLab('btrfs snapshots in the lab', { sites: 1, endpoints: 1 }, (directory) => {
  let place: BtrfsPlace;
  let world: SnapshotWorld;
  beforeAll(() => {
    place = labSnapshotPlace(directory);
    world = btrfsWorld(directory, place);
  });

  describeSnapshotContract('the btrfs driver', () => world);

  it('takes one point in time of a machine that writes: no file is ahead of the one written before it', async () => {
    const writer =
      'i=0; while :; do i=$((i+1)); echo $i > /srv/a.new; mv /srv/a.new /srv/a; echo $i > /srv/b.new; mv /srv/b.new /srv/b; done';
    const unit = `[Service]\nExecStart=/bin/sh -c '${writer.replaceAll('$', '$$$$')}'\n`;
    const { root, snapshots } = place.foldersOf(endpointId);
    await powerOn(endpointMachine(directory, endpointId));
    await writeFile(join(root, 'etc/systemd/system/writer.service'), unit);
    await execIn(directory, endpointId, ['systemctl', 'daemon-reload']);
    await execIn(directory, endpointId, ['systemctl', 'start', 'writer.service']);
    await until('the writer writes', () => existsSync(join(root, 'srv/b')), 5000);
    for (const snapshotId of ['still-1', 'still-2', 'still-3']) {
      await world.snapshots.create(endpointId, snapshotId);
      const kept = join(snapshots, snapshotId, 'root/srv');
      const [a, b] = [Number(readFileSync(join(kept, 'a'), 'utf8')), Number(readFileSync(join(kept, 'b'), 'utf8'))];
      expect(a - b).toBeGreaterThanOrEqual(0);
      expect(a - b).toBeLessThanOrEqual(1);
    }
    const before = readFileSync(join(root, 'srv/b'), 'utf8');
    await until('the machine runs on', () => readFileSync(join(root, 'srv/b'), 'utf8') !== before, 5000);
    await execIn(directory, endpointId, ['systemctl', 'stop', 'writer.service']);
  });

  it('lets a machine go when the act that needed it still fails', async () => {
    await expect(place.power.holdStill(endpointId, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect((await execIn(directory, endpointId, ['true'])).status).toBe(0);
  });

  it('lets a machine go when whoever held it was killed', async () => {
    const places = new URL('../../../fleets/lab/places.ts', import.meta.url).href;
    const code = `import { labPower } from ${JSON.stringify(places)};
      await labPower(${JSON.stringify(directory)}).holdStill('${endpointId}', async () => {
        console.log('held');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code]);
    await once(holder.stdout, 'data');
    const { cgroup } = endpointMachine(directory, endpointId);
    const frozen = (): boolean => eventsOf(cgroup).includes('frozen 1');
    expect(frozen()).toBe(true);
    holder.kill('SIGKILL');
    await until('the machine runs on', () => !frozen(), 5000);
    expect((await execIn(directory, endpointId, ['true'])).status).toBe(0);
  });

  it('keeps what the failed state knew, and not the agent’s key', async () => {
    const { root } = place.foldersOf(endpointId);
    await world.snapshots.create(endpointId, 'before-failure');
    const state = join(root, 'var/lib/patchcycle');
    await run(['mkdir', '-p', join(state, 'ledger')]);
    await writeFile(join(state, 'ledger/operation'), 'what it did');
    await writeFile(join(state, 'key.pem'), 'secret');
    const order = { restoreId: 'keeps', generation: (await world.generation()) + 1 };
    const { evidenceOfFailedState } = await world.snapshots.restore(endpointId, 'before-failure', order);
    expect(readFileSync(join(evidenceOfFailedState, 'var/lib/patchcycle/ledger/operation'), 'utf8')).toBe(
      'what it did',
    );
    for (const kept of ['var/log/journal', 'var/log/apt', 'var/lib/dpkg/status']) {
      expect(existsSync(join(evidenceOfFailedState, kept))).toBe(true);
    }
    expect(readdirSync(join(evidenceOfFailedState, 'var/lib/patchcycle'))).not.toContain('key.pem');
    expect(existsSync(join(root, 'var/lib/patchcycle/ledger/operation'))).toBe(false);
  });

  it('refuses to call whole what leaves a subvolume out', async () => {
    const { root } = place.foldersOf(endpointId);
    await run(['btrfs', '-q', 'subvolume', 'create', join(root, 'srv/nested')]);
    const attempt = world.snapshots.create(endpointId, 'partial');
    await expect(attempt).rejects.toThrow('srv/nested is a subvolume of its own');
    await run(['btrfs', '-q', 'subvolume', 'delete', join(root, 'srv/nested')]);
    await world.snapshots.create(endpointId, 'partial');
  });

  it('restores a machine that no longer boots', async () => {
    await world.write('good');
    await world.snapshots.create(endpointId, 'boots');
    const { root } = place.foldersOf(endpointId);
    await execIn(directory, endpointId, ['rm', '-rf', '/usr/lib/systemd']);
    await power(directory, endpointId, 'cut');
    await expect(power(directory, endpointId, 'on')).rejects.toThrow('ended while it booted');
    const order = { restoreId: 'unbootable', generation: (await world.generation()) + 1 };
    await world.snapshots.restore(endpointId, 'boots', order);
    await world.bootId();
    expect(readFileSync(join(root, 'srv/state'), 'utf8')).toBe('good');
  });

  it('refuses a restore that does not raise the generation', async () => {
    await world.snapshots.create(endpointId, 'unraised');
    const order = { restoreId: 'unraised', generation: await world.generation() };
    await expect(world.snapshots.restore(endpointId, 'unraised', order)).rejects.toThrow('must raise it');
    expect(powerOf(endpointMachine(directory, endpointId))).toBe('on');
  });

  it('gives the restored root a quota again', async () => {
    const { root } = place.foldersOf(endpointId);
    const groups = await run(['btrfs', 'qgroup', 'show', '-r', '-f', '--raw', root]);
    expect(groups).toMatch(/^0\/\d+\s+\d+\s+\d+\s+3221225472/m);
  });

  const steps = ['off', 'limitSpace', 'on'] as const;
  it.each(steps)('finishes a restore that was cut short at "%s" when it is asked again', async (step) => {
    const snapshotId = `cut-at-${step}`;
    await world.write('good');
    await world.snapshots.create(endpointId, snapshotId);
    await world.write('broken');
    const order = { restoreId: snapshotId, generation: (await world.generation()) + 1 };
    const cut = (): Promise<never> => Promise.reject(new Error('cut short'));
    const interrupted = btrfsSnapshots({
      ...place,
      limitSpace: step === 'limitSpace' ? cut : (path) => place.limitSpace(path),
      power: { ...place.power, ...(step === 'limitSpace' ? {} : { [step]: cut }) },
    });
    await expect(interrupted.restore(endpointId, snapshotId, order)).rejects.toThrow('cut short');
    await world.snapshots.restore(endpointId, snapshotId, order);
    expect(await world.read()).toBe('good');
    expect(await world.generation()).toBe(order.generation);
    await world.bootId();
    expect(readdirSync(place.foldersOf(endpointId).failedRoots)).toEqual([snapshotId]);
  });
});

function eventsOf(cgroup: string): string {
  const files = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].map((root) => join(root, cgroup, 'cgroup.events'));
  return readFileSync(files.find(existsSync) ?? '', 'utf8');
}

function btrfsWorld(directory: string, place: BtrfsPlace): SnapshotWorld {
  const { root, snapshots, evidence } = place.foldersOf(endpointId);
  const machine = endpointMachine(directory, endpointId);
  const rootOf = (snapshotId: string): string => join(snapshots, snapshotId, 'root');
  return {
    snapshots: btrfsSnapshots(place),
    endpointId,
    write: (text) => writeFile(join(root, 'srv/state'), text),
    read: () => readFile(join(root, 'srv/state'), 'utf8'),
    generation: async () => Number(await readFile(join(root, 'var/lib/patchcycle/generation'), 'utf8')),
    bootId: async () => {
      await powerOn(machine);
      return (await execIn(directory, endpointId, ['cat', '/proc/sys/kernel/random/boot_id'])).stdout.trim();
    },
    tamper: async (snapshotId) => {
      await run(['btrfs', 'property', 'set', rootOf(snapshotId), 'ro', 'false']);
      await rm(join(rootOf(snapshotId), 'srv/state'));
      await run(['btrfs', 'property', 'set', rootOf(snapshotId), 'ro', 'true']);
    },
    lose: async (snapshotId) => void (await run(['btrfs', 'subvolume', 'delete', rootOf(snapshotId)])),
    hasEvidence: async (name) => name.startsWith(evidence) && readdirSync(name).length > 0,
  };
}
