import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isPopulated } from '../../../fleets/lab/cgroup.ts';
import { labDown, labStatus, labUp } from '../../../fleets/lab/lab.ts';
import { endpointCgroup, endpointRoot, layoutOf, namespacePrefix, type LabLayout } from '../../../fleets/lab/layout.ts';
import { namespacesWith } from '../../../fleets/lab/network.ts';
import { until } from '../../../fleets/lab/until.ts';
import { describeInLab } from '../../setup/lab/in-lab.ts';
import { tracesOf } from '../../setup/lab/traces.ts';

describeInLab('taking a lab down', { sites: 1, endpoints: 1 }, (directory) => {
  it('leaves nothing behind, twice, and nothing that was not the lab’s is removed', async () => {
    const other = mkdtempSync(join(tmpdir(), 'patchcycle-lab-'));
    await labUp({ directory: other, sites: 1, endpoints: 1 });
    const { hash, run: sockets } = layoutOf(other);
    writeFileSync(join(other, 'not-ours'), '');
    expect(tracesOf(hash, other)).not.toEqual([]);
    await labDown(other);
    await labDown(other);
    expect(tracesOf(hash, other)).toEqual([]);
    expect(existsSync(sockets)).toBe(false);
    expect(readdirSync(other)).toEqual(['not-ours']);
    rmSync(other, { recursive: true });
    expect(labStatus(directory).endpoints[0]?.power).toBe('on');
    expect(() => labStatus(other)).toThrow('There is no lab');
  });

  const moments: Record<string, (lab: LabLayout) => boolean> = {
    'it had written its state': (lab) => existsSync(lab.stateFile),
    'the disk was mounted': (lab) => existsSync(lab.endpoints),
    'the first network was made': (lab) => namespacesWith(namespacePrefix(lab)).length > 0,
    'the cache was started': (lab) => existsSync(join(lab.run, 'cache.pid')),
    'the first endpoint was made': (lab) => existsSync(endpointRoot(lab, 'e1')),
    'the first machine was booting': (lab) => isPopulated(endpointCgroup(lab, 'e1')),
  };
  it.each(Object.keys(moments))('works when up was killed as soon as %s', async (moment) => {
    const other = mkdtempSync(join(tmpdir(), 'patchcycle-lab-'));
    const lab = layoutOf(other);
    const main = new URL('../../../fleets/lab/main.ts', import.meta.url).pathname;
    const argv = ['--import', 'tsx', main, '--dir', other, 'up', '--sites', '1', '--endpoints', '2'];
    const up = spawn(process.execPath, argv, { stdio: 'ignore' });
    const ended = once(up, 'exit');
    await until(moment, () => moments[moment]?.(lab) ?? false, 60_000);
    up.kill('SIGKILL');
    await ended;
    await labDown(other);
    expect(tracesOf(lab.hash, other)).toEqual([]);
    rmSync(other, { recursive: true, force: true });
  });
});

describe('a lab that is not there', () => {
  it('has no status', () => {
    const nowhere = join(tmpdir(), 'patchcycle-no-lab');
    expect(() => labStatus(nowhere)).toThrow('There is no lab');
    expect(existsSync(nowhere)).toBe(false);
  });
});
