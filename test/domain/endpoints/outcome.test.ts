import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  judgePackagesRolledBack,
  judgePatched,
  judgeRestored,
  nothingChanged,
} from '../../../domain/endpoints/outcome.ts';
import type { Evidence } from '../../../domain/endpoints/evidence.ts';
import type { Patch } from '../../../domain/patch.ts';
import type { RebootRule } from '../../../domain/endpoints/operation.ts';

const patches: readonly Patch[] = [
  { package: 'nginx', architecture: 'amd64', from: '1.22', to: '1.24' },
  { package: 'libssl3', architecture: 'amd64', from: '3.0.16', to: '3.0.17' },
];
const versions = (nginx: string, libssl3: string) => [
  { package: 'nginx', version: nginx, architecture: 'amd64' },
  { package: 'libssl3', version: libssl3, architecture: 'amd64' },
];
const before: Evidence = {
  observedAt: '2026-12-09T21:00:00.000Z',
  bootId: 'boot-1',
  generation: 1,
  installed: versions('1.22', '3.0.16'),
  audit: '',
  dependencyProblems: '',
  alteredFiles: ['/usr/share/changed-by-the-client'],
  pendingReboot: { due: false, because: [] },
  staleServices: [],
  services: [
    { service: 'nginx', state: 'running' },
    { service: 'broken-before', state: 'failed' },
  ],
  checks: [
    { check: 'service nginx', passed: true, observed: 'active' },
    { check: 'port 99', passed: false, observed: 'connection refused' },
  ],
};
const good: Evidence = {
  ...before,
  observedAt: '2026-12-09T21:05:00.000Z',
  bootId: 'boot-2',
  installed: versions('1.24', '3.0.17'),
};

const judge = (after: Partial<Evidence>, more: { rebootWasDue?: boolean; reboot?: RebootRule } = {}) =>
  judgePatched({ patches, before, after: { ...good, ...after }, rebootWasDue: true, ...more });

describe('patched means proven', () => {
  it('planned versions, a clean audit, another boot, and everything that worked works', () => {
    const proof = judge({});
    expect(proof).toMatchObject({ proven: true, packagesAtFault: [] });
    expect(proof.because).toContain('2 of 2 planned versions are installed, observed at 2026-12-09T21:05:00.000Z');
    expect(proof.because).toContain('it rebooted: boot id boot-2, before boot-1');
  });

  it.each<[string, Partial<Evidence>, readonly string[], string]>([
    ['an older version', { installed: versions('1.22', '3.0.17') }, ['nginx'], 'nginx is at 1.22, planned was 1.24'],
    ['a newer version than the record says', { installed: versions('1.25', '3.0.17') }, ['nginx'], 'nginx is at 1.25'],
    [
      'a package that is gone',
      { installed: versions('1.24', '3.0.17').slice(0, 1) },
      ['libssl3'],
      'libssl3 is not installed',
    ],
    [
      'another architecture',
      { installed: versions('1.24', '3.0.17').map((each) => ({ ...each, architecture: 'i386' })) },
      ['libssl3', 'nginx'],
      'is not installed',
    ],
    [
      'an audit that complains',
      { audit: 'The following packages are only half configured:\n nginx  web server' },
      ['nginx'],
      'dpkg --audit says',
    ],
    ['a dependency problem', { dependencyProblems: 'libssl3 : Breaks: x' }, ['libssl3'], 'apt-get check says'],
    [
      'a file newly altered',
      { alteredFiles: ['/usr/share/changed-by-the-client', '/usr/bin/x'] },
      [],
      '1 files differ',
    ],
    [
      'a reboot pending',
      { pendingReboot: { due: true, because: ['newer kernel'] } },
      [],
      'a reboot is pending: newer kernel',
    ],
    ['the same boot after a reboot was due', { bootId: 'boot-1' }, [], 'its boot id is still boot-1'],
    [
      'a service that ran and failed',
      { services: [{ service: 'nginx', state: 'failed' }] },
      ['nginx'],
      'service nginx ran before and is failed now',
    ],
    [
      'a service that ran and stopped',
      { services: [{ service: 'nginx', state: 'stopped' }] },
      ['nginx'],
      'is stopped now',
    ],
    ['a service that is gone', { services: [] }, ['nginx'], 'is gone now'],
    [
      'a check that fails now',
      { checks: [{ check: 'service nginx', passed: false, observed: 'failed' }] },
      ['nginx'],
      'passed before and sees failed now',
    ],
    ['a check nobody answered', { checks: [] }, ['nginx'], 'was not answered now'],
  ])('%s is not patched', (_, after, packagesAtFault, words) => {
    const proof = judge(after);
    expect(proof).toMatchObject({ proven: false, packagesAtFault });
    expect(proof.because.join('; ')).toContain(words);
  });

  it('a reboot that was due has to leave the boot in which it was due, not only the one before the install', () => {
    const left = { patches, before, rebootWasDue: true, bootIdBeforeReboot: 'boot-2' };
    expect(judgePatched({ ...left, after: good }).because.join()).toContain('its boot id is still boot-2');
    expect(judgePatched({ ...left, after: { ...good, bootId: 'boot-3' } }).proven).toBe(true);
  });

  it('the same boot is fine where no reboot was due', () => {
    expect(judge({ bootId: 'boot-1' }, { rebootWasDue: false }).proven).toBe(true);
  });

  it('a pending reboot is patched only under a policy that never reboots, and is said', () => {
    const pending = { bootId: 'boot-1', pendingReboot: { due: true, because: ['newer kernel'] } };
    const proof = judge(pending, { rebootWasDue: false, reboot: 'never' });
    expect(proof.proven).toBe(true);
    expect(proof.because).toContain('a reboot is pending, and the policy never reboots');
    expect(judge(pending, { rebootWasDue: false, reboot: 'if required' }).proven).toBe(false);
  });

  it('an audit that complained before the install is not excused', () => {
    const dirty = { ...before, audit: 'half configured: x' };
    expect(
      judgePatched({ patches, before: dirty, after: { ...good, audit: dirty.audit }, rebootWasDue: true }).proven,
    ).toBe(false);
  });

  it('what failed before is not held against the patches', () => {
    expect(judge({ checks: before.checks, services: before.services }).proven).toBe(true);
  });

  it('a plan of one patch has one suspect', () => {
    const [nginx] = patches;
    const proof = judgePatched({
      patches: nginx ? [nginx] : [],
      before,
      after: { ...good, services: [], checks: before.checks },
      rebootWasDue: true,
    });
    expect(proof.packagesAtFault).toEqual(['nginx']);
  });
});

describe('restored means verified', () => {
  const back: Evidence = { ...before, bootId: 'boot-3', generation: 2, observedAt: '2026-12-09T21:10:00.000Z' };
  const restored = (after: Partial<Evidence>) =>
    judgeRestored({ patches, before, after: { ...back, ...after }, failedBootId: 'boot-2' });

  it('old versions, services answering, another boot and a raised generation', () => {
    expect(restored({}).rolledBack).toBe(true);
  });

  it.each<[string, Partial<Evidence>, string]>([
    ['a version that stayed new', { installed: versions('1.24', '3.0.16') }, 'nginx is 1.24, and was 1.22 before'],
    ['a package that is gone', { installed: [] }, 'nginx is not installed'],
    ['the boot of the failed state', { bootId: 'boot-2' }, 'its boot id is still boot-2'],
    ['the boot from before', { bootId: 'boot-1' }, 'its boot id is still boot-1'],
    ['the old generation', { generation: 1 }, 'it was not raised'],
    ['a service that does not run', { services: [] }, 'service nginx ran before'],
    ['an audit that complains', { audit: 'half installed: nginx' }, 'dpkg --audit says'],
  ])('%s is not restored', (_, after, words) => {
    const result = restored(after);
    expect(result.rolledBack).toBe(false);
    expect(result.because.join('; ')).toContain(words);
  });

  it('a package that came with the patches must be gone again', () => {
    const added = [...patches, { package: 'libnew1', architecture: 'amd64', from: null, to: '1.0' }];
    const left = [...before.installed, { package: 'libnew1', version: '1.0', architecture: 'amd64' }];
    const judged = (installed: Evidence['installed']) =>
      judgeRestored({ patches: added, before, after: { ...back, installed }, failedBootId: null }).rolledBack;
    expect(judged(left)).toBe(false);
    expect(judged(before.installed)).toBe(true);
  });

  it('a complaint from before the install is as it was', () => {
    const dirty = { ...before, audit: 'half configured: x' };
    expect(
      judgeRestored({ patches, before: dirty, after: { ...back, audit: dirty.audit }, failedBootId: null }).rolledBack,
    ).toBe(true);
  });
});

describe('packages rolled back means verified', () => {
  const back: Evidence = { ...before, bootId: 'boot-2', observedAt: '2026-12-09T21:10:00.000Z' };
  const hold = ['libssl3', 'nginx'];
  const rolled = (after: Partial<Evidence>, more: Partial<Parameters<typeof judgePackagesRolledBack>[0]> = {}) =>
    judgePackagesRolledBack({
      patches,
      before,
      after: { ...back, ...after },
      hold,
      held: ['libssl3:i386', 'nginx'],
      bootIdBeforeReboot: null,
      reboot: 'if required',
      ...more,
    });

  it('old versions, held, and everything that worked works, on the machine as it is', () => {
    const verdict = rolled({});
    expect(verdict.rolledBack).toBe(true);
    expect(verdict.because).toContain('held at them until a person lets go: libssl3, nginx');
  });

  it.each<[string, Partial<Evidence>, string]>([
    ['a version that stayed new', { installed: versions('1.24', '3.0.16') }, 'nginx is 1.24, and was 1.22 before'],
    ['a package that is gone', { installed: [] }, 'nginx is not installed'],
    ['an audit that complains', { audit: 'half configured: nginx' }, 'dpkg --audit says'],
    ['a service that does not run', { services: [] }, 'service nginx ran before'],
    ['a check that fails', { checks: [] }, 'check service nginx passed before'],
    [
      'a reboot that it wants now',
      { pendingReboot: { due: true, because: ['old libssl3 in use'] } },
      'a reboot is pending',
    ],
  ])('%s is not rolled back', (_, after, words) => {
    const verdict = rolled(after);
    expect(verdict.rolledBack).toBe(false);
    expect(verdict.because.join('; ')).toContain(words);
  });

  it('what is not held is not rolled back, and neither is what nobody says of', () => {
    expect(rolled({}, { held: ['nginx'] }).because.join()).toContain('libssl3 is not held');
    expect(rolled({}, { held: null }).because.join()).toContain('may not be held');
    expect(rolled({}, { held: ['nginx'], hold: ['nginx'] }).rolledBack).toBe(true);
  });

  it('a reboot that was due has to have left its boot', () => {
    expect(rolled({}, { bootIdBeforeReboot: 'boot-2' }).because.join()).toContain('its boot id is still boot-2');
    expect(rolled({ bootId: 'boot-3' }, { bootIdBeforeReboot: 'boot-2' }).rolledBack).toBe(true);
  });

  it('needs no raised generation, as nothing was taken back but packages', () => {
    expect(rolled({ generation: before.generation }).rolledBack).toBe(true);
  });
});

describe('any single thing that is worse than before', () => {
  const worse = fc.constantFrom<Partial<Evidence>>(
    { installed: versions('1.22', '3.0.99') },
    { installed: versions('1.24', '3.0.17').slice(1) },
    { audit: 'half installed: libssl3' },
    { dependencyProblems: 'nginx : Depends: libssl3' },
    { alteredFiles: [...before.alteredFiles, '/usr/sbin/nginx'] },
    { services: [] },
    { checks: [] },
    { pendingReboot: { due: true, because: ['newer kernel'] } },
  );

  it('proves neither a patch nor a rollback', () => {
    fc.assert(
      fc.property(worse, (change) => {
        expect(judge(change).proven).toBe(false);
        const restored = { ...before, bootId: 'boot-3', generation: 2, ...change };
        expect(judgeRestored({ patches, before, after: restored, failedBootId: 'boot-2' }).rolledBack).toBe(false);
        const rolled = {
          patches,
          before,
          after: { ...before, ...change },
          hold: [],
          held: [],
          bootIdBeforeReboot: null,
        };
        expect(judgePackagesRolledBack({ ...rolled, reboot: 'if required' }).rolledBack).toBe(false);
      }),
    );
  });
});

describe('nothing changed', () => {
  it.each<[string, Partial<Evidence>, boolean]>([
    ['the same versions in another order', { installed: before.installed.toReversed() }, true],
    ['another version', { installed: versions('1.24', '3.0.16') }, false],
    ['a package half installed', { audit: 'half installed: nginx' }, false],
    ['a service that stopped', { services: [] }, false],
  ])('%s: %s', (_, after, expected) => {
    expect(nothingChanged({ before, after: { ...before, ...after } })).toBe(expected);
  });
});
