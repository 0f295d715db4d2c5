import { describe, expect, it } from 'vitest';
import type { Patch } from '../../../domain/patch.ts';
import { nginxPatch, nginxVersion, startMachine } from '../../setup/simulated/running-machine.ts';
import type { RunningMachine } from '../../setup/simulated/running-machine.ts';
import { until } from '../../setup/until.ts';

const openssl: readonly Patch[] = ['libssl3', 'openssl'].map((name) => ({
  package: name,
  architecture: 'amd64',
  from: '3.0.20-1~deb12u2',
  to: '3.0.22-1~deb12u2',
}));

function install(patches: readonly Patch[], more: { allowRemove?: readonly string[]; limitMinutes?: number } = {}) {
  return { kind: 'install', patches, allowRemove: [], limitMinutes: 10, ...more } as const;
}

async function versionsOf(running: RunningMachine, ...names: readonly string[]): Promise<readonly string[]> {
  const { installed } = await running.machine().observe(names);
  return installed.map((each) => each.version);
}

/** How often dpkg.log says that a package was upgraded. */
async function upgradesOf(running: RunningMachine, name: string): Promise<number> {
  const log = await running.dpkgLog();
  return log.split('\n').filter((line) => line.includes(` upgrade ${name}:`)).length;
}

describe('a fresh machine', () => {
  it('has security updates pending, with the changelogs of the versions that are newer than the installed one', async () => {
    const { packages } = (await startMachine()).machine();
    const updates = await packages.availableUpdates();
    expect(updates.map((update) => update.package)).toEqual([
      'libexpat1',
      'liblzma5',
      'libssl3',
      'openssl',
      'perl-base',
      'tzdata',
      'xz-utils',
    ]);
    expect(updates.every((update) => update.origins.includes('Debian-Security:12/oldstable-security'))).toBe(true);
    await packages.prefetch(openssl);
    const entries = await packages.changelogs(openssl.slice(0, 1));
    expect(entries.map((entry) => entry.version)).toEqual(['3.0.22-1~deb12u2', '3.0.22-1~deb12u1']);
    expect(entries[0]?.text).toContain('CVE-2026-84782');
  });

  it('is healthy: nothing to complain of, no reboot due, its services answer', async () => {
    const machine = (await startMachine()).machine();
    const seen = await machine.observe(['openssl']);
    expect(seen).toMatchObject({ audit: '', dependencyProblems: '', alteredFiles: [], staleServices: [] });
    expect(seen.pendingReboot).toEqual({ due: false, because: [] });
    expect(await machine.check({ http: 'http://localhost/', expect: 200 })).toMatchObject({ passed: true });
    expect(await machine.check({ port: 23 })).toMatchObject({ passed: false, observed: 'connection refused' });
    expect((await machine.facts()).applications.map((each) => each.package)).toEqual(['nodejs']);
  });
});

describe('an install', () => {
  it('leaves the planned versions, one upgrade line each in dpkg.log, services on old files and a reason to reboot', async () => {
    const running = await startMachine();
    const end = await running.run('r1', install(openssl));
    expect(end).toMatchObject({ ending: 'finished', packagesAtFault: [] });
    expect(await versionsOf(running, 'libssl3', 'openssl')).toEqual(['3.0.22-1~deb12u2', '3.0.22-1~deb12u2']);
    expect(await upgradesOf(running, 'openssl')).toBe(1);
    expect(await running.dpkgLog()).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d upgrade libssl3:amd64 3\.0\.20-1~deb12u2 3\.0\.22-1~deb12u2$/m,
    );
    const seen = await running.machine().observe([]);
    expect(seen.staleServices).toEqual(['nginx.service', 'ssh.service']);
    expect(seen.pendingReboot.because).toEqual(['systemd (PID 1) runs on files of libssl3, which were replaced']);
    expect(await running.machine().pendingReboot()).toEqual(seen.pendingReboot);
    const named = ['libssl3', 'openssl'];
    const { installed, audit } = await running.machine().observe(named);
    expect(await running.machine().installed(named)).toEqual({ installed, audit });
    const down = await running.machine().restartServices(['nginx'], new Date().toISOString());
    expect(down).toEqual([]);
    expect((await running.machine().observe([])).staleServices).toEqual(['ssh.service']);
    const next = running.bootAgain();
    expect(await next.observe([])).toMatchObject({ staleServices: [], pendingReboot: { due: false } });
  });

  it('starts nothing that was not fetched before', async () => {
    const { packages } = (await startMachine()).machine();
    await packages.startRun('r1', install(openssl));
    const end = await packages.runEnd('r1', AbortSignal.timeout(1000));
    expect(end).toMatchObject({ ending: 'failed' });
    expect(end.because).toContain('not fetched');
  });

  it('goes on when the process dies in the middle, and does no package twice', async () => {
    const running = await startMachine();
    await running.machine().packages.prefetch(openssl);
    await running.machine().packages.startRun('r1', install(openssl));
    await until('libssl3 is unpacked', async () => (await running.dpkgLog()).includes('unpacked libssl3'));
    const { packages } = running.takeUpAgain();
    expect(await packages.runEnd('r1', AbortSignal.timeout(5000))).toMatchObject({ ending: 'finished' });
    expect([await upgradesOf(running, 'libssl3'), await upgradesOf(running, 'openssl')]).toEqual([1, 1]);
  });

  it('is lost when the plug is pulled, leaves a package that is not whole, and a repair completes it', async () => {
    const running = await startMachine();
    await running.machine().packages.prefetch(openssl);
    // Nothing else has its turn between the two: the first package is begun, and not yet unpacked.
    await running.machine().packages.startRun('r1', install(openssl));
    const { packages } = running.bootAgain();
    expect(await running.dpkgLog()).toContain('upgrade libssl3');
    expect(await packages.runEnd('r1', AbortSignal.timeout(1000))).toMatchObject({ ending: 'lost' });
    const seen = await running.machine().observe(['libssl3']);
    expect(seen.audit).toContain('libssl3');
    expect(seen.alteredFiles).not.toEqual([]);
    await packages.startRun('r2', install(openssl));
    expect((await packages.runEnd('r2', AbortSignal.timeout(1000))).because).toContain('repair');
    const end = await running.run('r3', { kind: 'repair', patches: openssl, limitMinutes: 10 });
    expect(end.ending).toBe('finished');
    expect(await versionsOf(running, 'libssl3', 'openssl')).toEqual(['3.0.22-1~deb12u2', '3.0.22-1~deb12u2']);
    expect((await running.machine().observe([])).audit).toBe('');
  });
});

describe('a dry run', () => {
  it('names what comes with a plan, what would go, what would be older, and what cannot be had', async () => {
    const running = await startMachine((state) => state.heldPackages.push('tzdata'));
    running.publish(
      nginxVersion({ conflicts: ['nodejs'], depends: ['nginx-common (>= 2)'] }),
      nginxVersion({ package: 'nginx-common', version: '2.0-1', architecture: 'all', depends: [] }),
      nginxVersion({ package: 'curl', version: '9.0-1', depends: ['libcurl4 (= 9.0-1)'] }),
    );
    const patch = (name: string, to: string, architecture = 'amd64'): Patch => ({
      package: name,
      architecture,
      from: null,
      to,
    });
    const { packages } = running.machine();
    const found = await packages.dryRun([nginxPatch]);
    expect(found.patches.map((each) => each.package).toSorted()).toEqual(['nginx', 'nginx-common']);
    expect(found.removes).toEqual(['nodejs']);
    const refused = await packages.dryRun([
      patch('curl', '9.0-1'),
      patch('tzdata', '2026f-0+deb12u1', 'all'),
      patch('openssl', '9.9-9'),
      patch('no-such-package', '1.0-1'),
    ]);
    expect(refused.patches).toEqual([]);
    expect(refused.impossible.map((each) => each.package).toSorted()).toEqual([
      'curl',
      'no-such-package',
      'openssl',
      'tzdata',
    ]);
    await running.run('r1', install(openssl));
    const back = await packages.dryRun(openssl.map((each) => ({ ...each, to: '3.0.20-1~deb12u2' })));
    expect(back.downgrades).toEqual(['libssl3', 'openssl']);
  });

  it('brings along what depends on the exact version of a planned package', async () => {
    const running = await startMachine();
    const common = { source: 'curl', sourceVersion: '7.88.1-10+deb12u16', version: '7.88.1-10+deb12u16' };
    running.publish(
      nginxVersion({ ...common, package: 'libcurl4', depends: ['libssl3 (>= 3.0.0)'] }),
      nginxVersion({ ...common, package: 'curl', depends: ['libcurl4 (= 7.88.1-10+deb12u16)'] }),
    );
    const planned = { ...nginxPatch, package: 'libcurl4', from: '7.88.1-10+deb12u15', to: common.version };
    const found = await running.machine().packages.dryRun([planned]);
    expect(found.patches.map((each) => each.package).toSorted()).toEqual(['curl', 'libcurl4']);
    const end = await running.run('r1', install([planned]));
    expect(end).toMatchObject({ ending: 'failed', because: expect.stringContaining('curl') as string });
    expect(await versionsOf(running, 'libcurl4')).toEqual(['7.88.1-10+deb12u15']);
  });
});

describe('a version with a fault', () => {
  it('breaks its service, which fails also after a restart and at the next boot', async () => {
    const running = await startMachine();
    running.publish(nginxVersion({ faults: { breaksService: 'nginx' } }));
    expect(await running.run('r1', install([nginxPatch]))).toMatchObject({ ending: 'finished' });
    const machine = running.machine();
    expect((await machine.observe([])).services).toContainEqual({ service: 'nginx.service', state: 'failed' });
    expect(await machine.check({ http: 'http://localhost/', expect: 200 })).toMatchObject({ passed: false });
    const sinceAt = new Date().toISOString();
    expect(await machine.restartServices(['nginx'], sinceAt)).toEqual([{ service: 'nginx', because: 'failed' }]);
    expect(await running.bootAgain().check({ service: 'nginx' })).toMatchObject({ passed: false, observed: 'failed' });
  });

  it('fails its configure step: half-configured by the audit, and a repair goes back to the kept version', async () => {
    const running = await startMachine();
    running.publish(nginxVersion({ faults: { failsConfigure: true } }));
    const end = await running.run('r1', install([nginxPatch]));
    expect(end).toMatchObject({ ending: 'failed', packagesAtFault: ['nginx'] });
    expect((await running.machine().observe([])).audit).toMatch(/half configured[^]*nginx/);
    const repaired = await running.run('r2', { kind: 'repair', patches: [nginxPatch], limitMinutes: 10 });
    expect(repaired).toMatchObject({ ending: 'failed', packagesAtFault: ['nginx'] });
    expect(await versionsOf(running, 'nginx')).toEqual([nginxPatch.from]);
    expect((await running.machine().observe([])).audit).toBe('');
  });

  it('hangs until the limit ends it, and again in a repair, which still goes back', async () => {
    const running = await startMachine();
    running.publish(nginxVersion({ faults: { hangs: true } }));
    const began = Date.now();
    const end = await running.run('r1', install([nginxPatch], { limitMinutes: 1 }));
    expect(end).toMatchObject({ ending: 'hit its limit', packagesAtFault: ['nginx'] });
    expect(Date.now() - began).toBeGreaterThanOrEqual(390);
    const repaired = await running.run('r2', { kind: 'repair', patches: [nginxPatch], limitMinutes: 1 });
    expect(repaired.ending).toBe('failed');
    expect(await versionsOf(running, 'nginx')).toEqual([nginxPatch.from]);
  });

  it('removes another package only where that was allowed', async () => {
    const running = await startMachine();
    running.publish(nginxVersion({ conflicts: ['nodejs'] }));
    expect(await running.run('r1', install([nginxPatch]))).toMatchObject({ ending: 'failed' });
    expect(await versionsOf(running, 'nginx', 'nodejs')).toEqual(['1.22.1-9+deb12u9', '20.20.2-1nodesource1']);
    const end = await running.run('r2', install([nginxPatch], { allowRemove: ['nodejs'] }));
    expect(end.ending).toBe('finished');
    expect(await versionsOf(running, 'nginx', 'nodejs')).toEqual([nginxPatch.to]);
    expect(await running.dpkgLog()).toContain(' remove nodejs:amd64 20.20.2-1nodesource1 <none>');
  });

  it('cuts the power once, and goes through the next time', async () => {
    const running = await startMachine();
    running.publish(nginxVersion({ faults: { losesPower: 'briefly' } }));
    const { packages } = running.machine();
    await packages.prefetch([nginxPatch]);
    await packages.startRun('r1', install([nginxPatch]));
    await until('the power is lost', () => running.powerLost.length > 0);
    const booted = running.bootAgain();
    expect(await booted.packages.runEnd('r1', AbortSignal.timeout(1000))).toMatchObject({ ending: 'lost' });
    expect((await booted.observe([])).audit).toContain('nginx');
    const end = await running.run('r2', { kind: 'repair', patches: [nginxPatch], limitMinutes: 10 });
    expect(end.ending).toBe('finished');
    expect(running.powerLost).toEqual(['briefly']);
  });
});
