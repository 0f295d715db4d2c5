/** Versions that do harm, each in its own way, and what becomes of the endpoints that were to get them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { httpsAgents } from '../../activities/adapters/agents/https.ts';
import type { CycleFacts } from '../../domain/reports/cycle-facts.ts';
import { reportNames } from '../../reports/files.ts';
import { endpointFacts, upgradesOf } from '../setup/stack/facts.ts';
import { archiveVersion } from '../setup/simulated/releases.ts';
import { type RunningStack, startStack, storyTimes } from '../setup/stack/running-stack.ts';

vi.setConfig(storyTimes);

const site = 'tokyo';
const breaking = '3.0pl1-162+deb12u1';
const failing = '3.8-5+deb12u1';
const removing = '7.88.1-10+deb12u16';

let stack: RunningStack;
/** Two cycles side by side: one meets its bad version in its first ring, the other before any. */
let databases: Promise<CycleFacts>;
let mail: Promise<CycleFacts>;
let bootIdBefore: string;

beforeAll(async () => {
  stack = await startStack({
    sites: [{ site, zone: 'Asia/Tokyo' }],
    endpoints: [
      ...['db-1', 'db-2', 'db-3'].map((endpoint) => ({ endpoint, site, role: 'databases' })),
      ...['mail-1', 'mail-2'].map((endpoint) => ({ endpoint, site, role: 'mail' })),
    ],
    policies: [
      {
        policy: 'databases',
        rings: [{ name: 'canary', take: 1, endpoints: 'db-1' }, { name: 'early', take: 1 }, { name: 'rest' }],
      },
      { policy: 'mail' },
    ],
  });
  const { fleet } = stack;
  const cron = archiveVersion('cron', breaking, ['CVE-2026-70001']);
  await fleet.publish(cron, ['db-2', 'db-3']);
  await fleet.publish({ ...cron, faults: { breaksService: 'cron' } }, ['db-1']);
  // The longest plan of its segment: the sandbox is a clone of db-2, where nothing breaks.
  await fleet.publish(archiveVersion('sed', '4.9-1+deb12u2', ['CVE-2026-70002']), ['db-2']);
  bootIdBefore = stack.endpoint('db-1').state().bootId;

  const onMail = ['mail-1', 'mail-2'];
  await fleet.publish(
    archiveVersion('grep', failing, ['CVE-2026-70003'], { faults: { failsConfigure: true } }),
    onMail,
  );
  await fleet.publish(archiveVersion('libcurl4', removing, ['CVE-2026-70004'], { conflicts: ['curl'] }), onMail);
  databases = stack.run('databases');
  mail = stack.run('mail');
});
afterAll(() => stack?.close());

describe('a version that fails in the sandbox', () => {
  test('never reaches an endpoint', async () => {
    const facts = await mail;
    expect(facts.segments.map((segment) => segment.test?.verdict)).toEqual(['passed']);
    for (const name of ['mail-1', 'mail-2']) {
      expect(stack.endpoint(name).dpkgLog()).not.toContain('grep');
      expect(endpointFacts(facts, name).patches.find((patch) => patch.package === 'grep')).toMatchObject({
        decision: 'dropped',
        proven: false,
      });
    }
    expect(facts.patchSet.find((patch) => patch.package === 'grep')?.because.join()).toContain(
      'failed its test on a clone of segment mail',
    );
  });

  test('does not keep the other patches from their endpoints', async () => {
    const facts = await mail;
    expect(facts.state).toBe('finished');
    for (const name of ['mail-1', 'mail-2']) {
      const endpoint = endpointFacts(facts, name);
      expect(endpoint.outcome).toBe('patched');
      expect(upgradesOf(endpoint).length).toBeGreaterThan(5);
      expect(stack.endpoint(name).upgrades().toSorted()).toEqual(upgradesOf(endpoint));
    }
  });
});

test('a version whose upgrade would remove another package is not installed, and the record says why', async () => {
  const facts = await mail;
  for (const name of ['mail-1', 'mail-2']) {
    const disk = stack.endpoint(name);
    expect(disk.dpkgLog()).not.toMatch(/ remove |libcurl4/);
    expect(disk.version('curl')).toBe('7.88.1-10+deb12u15');
    expect(endpointFacts(facts, name).patches.find((patch) => patch.package === 'libcurl4')).toMatchObject({
      decision: 'dropped',
      because: expect.stringContaining('would remove curl') as string,
    });
  }
  const why = await stack.ask<{ because: string[] }>('why', 'mail-1', 'libcurl4');
  expect(why.because.join('\n')).toContain('would remove curl');
});

describe('a version that breaks its service on the first endpoint that gets it', () => {
  test('is taken back there: old version, service running, another boot, the next generation', async () => {
    const facts = await databases;
    expect(endpointFacts(facts, 'db-1').outcome).toBe('rolled_back');
    const disk = stack.endpoint('db-1');
    expect(disk.version('cron')).toBe('3.0pl1-162');
    expect(disk.service('cron')).toBe('running');
    expect(disk.upgrades()).toEqual([]);
    expect(disk.generation()).toBe(2);
    const [failed, ...others] = disk.failedStates();
    expect(others).toEqual([]);
    expect(failed?.service('cron')).toBe('failed');
    expect(failed?.upgrades()).toContain(`cron 3.0pl1-162 ${breaking}`);
    expect(new Set([bootIdBefore, failed?.state().bootId, disk.state().bootId]).size).toBe(3);
  });

  test('stops its ring, and the later rings are untouched', async () => {
    const facts = await databases;
    expect(facts.state).toBe('halted');
    expect(facts.gates.map(({ ring, verdict }) => [ring, verdict])).toEqual([['canary', 'halt']]);
    for (const name of ['db-2', 'db-3']) {
      expect(endpointFacts(facts, name)).toMatchObject({ outcome: 'skipped', startedAt: null });
      expect(stack.endpoint(name).upgrades()).toEqual([]);
      expect(stack.endpoint(name).snapshots()).toEqual([]);
    }
  });

  test('is what the report and why name as the reason', async () => {
    const { cycleId } = await databases;
    const json = join(stack.stateDirectory, 'reports', reportNames(cycleId).json);
    const report = JSON.parse(readFileSync(json, 'utf8')) as CycleFacts;
    expect(endpointFacts(report, 'db-1').because.join('\n')).toContain(
      'service cron.service ran before and is failed now',
    );
    expect(report.gates[0]?.because.join('\n')).toContain('db-1');
    const why = (await stack.ask<{ because: string[] }>('why', 'db-1')).because.join('\n');
    expect(why).toContain('db-1 at tokyo: rolled back');
    expect(why).toContain('service cron.service ran before and is failed now');
    expect(why).toContain('gate of ring canary: halt');
  });

  test('is refused by its agent when the failed install comes a second time, late', async () => {
    await databases;
    const install = stack
      .endpoint('db-1')
      .failedStates()
      .flatMap((failed) => failed.ledger())
      .find((entry) => entry.report.kind === 'install');
    if (!install) throw new Error('the failed state knows of no install');
    const pem = (file: string) => readFileSync(join(stack.stateDirectory, 'sites', site, file), 'utf8');
    const agents = httpsAgents({
      key: pem('key.pem'),
      certificate: pem('certificate.pem'),
      authority: pem('authority.pem'),
    });
    const { endpoints } = await stack.fleet.status();
    const address = endpoints.find((endpoint) => endpoint.name === 'db-1')?.address;
    if (!address) throw new Error('the fleet has no db-1');
    const { body, permit, report } = install;
    const again = agents.submit(
      { endpointId: 'db-1.acme', address },
      { operationId: report.operationId, generation: report.generation, permit, body },
    );
    await expect(again).rejects.toMatchObject({ code: 'older generation', status: 409 });
    expect(stack.endpoint('db-1').upgrades()).toEqual([]);
  });
});
