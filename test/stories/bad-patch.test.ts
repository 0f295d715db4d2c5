/**
 * One bad patch, three cycles of two clients: what it is stopped by, who goes on without it, and who is told what.
 * The same version of cron cannot be configured on any endpoint that gets it, but for one.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CycleFacts } from '../../domain/reports/cycle-facts.ts';
import { endpointFacts, verdictsOf } from '../setup/stack/facts.ts';
import { archiveVersion } from '../setup/simulated/releases.ts';
import { type SecondClient, startSecondClient } from '../setup/stack/second-client.ts';
import { type RunningStack, startStack, storyTimes } from '../setup/stack/running-stack.ts';
import { until } from '../setup/until.ts';

vi.setConfig({ ...storyTimes, hookTimeout: 240_000 });

const site = 'tokyo';
const version = '3.0pl1-162+deb12u1';
const old = '3.0pl1-162';
const openssl = '3.0.22-1~deb12u2';
/** Near enough to be waited for, and never open while this runs. */
const someday = `${new Date(Date.now() + 20 * 24 * 60 * 60 * 1000).toISOString().slice(0, 10)} 02:00`;

type PatchList = {
  patches: { package: string; version: string; inForce: boolean; failures: { endpointId: string }[] }[];
};

let stack: RunningStack;
let beta: SecondClient;
/** Of acme: halts at its canary. Of beta: halts, which stops the patch, and goes on without it. */
let servers: string;
let shop: CycleFacts;
/** Of acme: planned with the patch before anybody knew, and started when it is stopped. */
let files: CycleFacts;

const rings = (canary: string) => [{ name: 'canary', take: 1, endpoints: canary }, { name: 'rest' }];
const start = async (client: string, policy: string) =>
  (await stack.ask<{ cycleId: string }>('cycle', 'start', '--client', client, '--policy', policy)).cycleId;
const patches = async () => (await stack.ask<PatchList>('patch', 'list')).patches;

beforeAll(async () => {
  const sites = [{ site, zone: 'Asia/Tokyo' }];
  // The sandbox would catch it before anybody had it: these policies answer for doing without.
  const sandbox = { required: false };
  stack = await startStack({
    sites,
    endpoints: [
      ...['web-1', 'web-2'].map((endpoint) => ({ endpoint, site, role: 'servers' })),
      ...['file-1', 'file-2'].map((endpoint) => ({ endpoint, site, role: 'files' })),
    ],
    policies: [
      { policy: 'servers', rings: rings('web-1'), sandbox, afterHalt: 'ask' },
      {
        policy: 'files',
        rings: rings('file-1'),
        sandbox,
        afterHalt: 'ask',
        windows: [{ opens: someday, lasts: '4 hours' }],
      },
    ],
  });
  beta = await startSecondClient(stack, 'beta', {
    sites: [{ site: 'osaka', zone: 'Asia/Tokyo' }],
    endpoints: ['till-1', 'till-2'].map((endpoint) => ({ endpoint, site: 'osaka', role: 'shop' })),
    policies: [{ policy: 'shop', rings: rings('till-1'), sandbox, afterHalt: 'go on' }],
  });
  const bad = archiveVersion('cron', version, ['CVE-2026-70001'], { faults: { failsConfigure: true } });
  await stack.fleet.publish(bad, ['web-1', 'file-1', 'file-2']);
  await stack.fleet.publish({ ...bad, faults: {} }, ['web-2']);
  await beta.fleet.publish(bad);

  const waiting = await start('acme', 'files');
  servers = await start('acme', 'servers');
  await until('the cycle of the files waits for its window', async () =>
    (await stack.recorded(waiting)).endpoints.some((one) => one.waitingFor === 'window'),
  );
  shop = await stack.ended(await start('beta', 'shop'));
  await stack.waitsFor(servers, 'the gate of ring canary is halted');
  const opened = await stack.command('window', 'open', waiting, '--why', 'the story is now');
  expect(opened).toMatchObject({ code: 0 });
  files = await stack.ended(waiting);
});
afterAll(async () => {
  await beta?.close();
  await stack?.close();
});

describe('a halted gate whose patch at fault is known', () => {
  test('goes on without it where the policy says so: a successor of the record, from the first ring', () => {
    expect(shop.state).toBe('finished');
    expect(verdictsOf(shop)).toEqual(['canary: halt', 'canary, successor 1: advance', 'rest, successor 1: advance']);
    expect(shop.changeRecord?.parent?.changeRecordId).toMatch(/record-1$/);
    expect(shop.changeRecord?.parent?.because).toContain(`cron ${version} leaves the record: till-1.beta failed`);
    for (const name of ['till-1', 'till-2']) {
      expect(endpointFacts(shop, name).outcome).toBe('patched');
      const disk = beta.endpoint(name);
      expect(disk.version('cron')).toBe(old);
      expect(disk.service('cron')).toBe('running');
      expect(disk.upgrades().join('\n')).toContain(`openssl 3.0.20-1~deb12u2 ${openssl}`);
      expect(disk.upgrades().join('\n')).not.toContain('cron');
    }
    // Put back once, for the bad patch; the other was never touched by it.
    expect([beta.endpoint('till-1').generation(), beta.endpoint('till-2').generation()]).toEqual([2, 1]);
    expect(beta.endpoint('till-2').failedStates()).toEqual([]);
  });

  test('is not advanced by a person before the patch is released', async () => {
    const advanced = await stack.command('cycle', 'advance', servers, '--why', 'it is late', '--who', 'dana');
    expect(advanced.code).not.toBe(0);
    expect(advanced.err).toContain('a halted gate is not advanced');
    expect(advanced.err).toContain('patchcycle patch release');
    expect(stack.endpoint('web-2').upgrades()).toEqual([]);
  });
});

describe('a patch that failed on endpoints of two clients', () => {
  test('is stopped for everyone, and the provider sees where it failed', async () => {
    const [stopped, ...others] = await patches();
    expect(others).toEqual([]);
    expect(stopped).toMatchObject({ package: 'cron', version, inForce: true });
    expect(stopped?.failures.map((failure) => failure.endpointId).toSorted()).toEqual(['till-1.beta', 'web-1.acme']);
  });

  test('is skipped by a cycle that planned it before, whose endpoints get the rest as a successor', () => {
    expect(files.state).toBe('finished');
    for (const name of ['file-1', 'file-2']) {
      const endpoint = endpointFacts(files, name);
      expect(endpoint.outcome).toBe('patched');
      expect(endpoint.patches.find((patch) => patch.package === 'cron')).toMatchObject({
        decision: 'dropped',
        proven: false,
      });
      const disk = stack.endpoint(name);
      expect(disk.version('cron')).toBe(old);
      expect(disk.upgrades().join('\n')).toContain('openssl');
      // Neither was ever started with it: nothing was rolled back.
      expect(disk.generation()).toBe(1);
    }
    expect(files.changeRecord?.parent?.because).toContain(`file-1.acme was left out for cron ${version}`);
  });

  test('is told to each client without a word of the other', async () => {
    const why = await stack.ask<{ because: string[] }>('why', 'file-1', 'cron', '--client', 'acme');
    expect(why.because.join('\n')).toContain(`cron ${version} leaves the record`);
    expect(JSON.stringify(files)).not.toMatch(/beta|till-|osaka|2 endpoints of 2 clients/);
    expect(JSON.stringify(shop)).not.toMatch(/acme|web-|file-|tokyo|2 endpoints of 2 clients/);
    const { because } = endpointFacts(await stack.ask<CycleFacts>('cycle', 'show', servers), 'web-1');
    expect(because.join('\n')).not.toMatch(/beta|till-/);
  });
});

describe('a person at the provider', () => {
  test('releases the patch with a reason, and only one that has failed', async () => {
    const unknown = await stack.command('patch', 'release', 'grep', '9.9', '--why', 'it is fine');
    expect(unknown).toMatchObject({
      code: 2,
      err: expect.stringContaining('grep 9.9 has failed on no endpoint') as string,
    });
    const unsigned = await stack.command('patch', 'release', 'cron', version, '--why', ' ');
    expect(unsigned.code).toBe(2);
    const released = await stack.command(
      'patch',
      'release',
      'cron',
      version,
      '--why',
      'web-1 alone was odd',
      '--who',
      'dana',
    );
    expect(released.code).toBe(0);
    expect(await patches()).toMatchObject([
      { package: 'cron', inForce: false, releasedBy: 'dana', releaseReason: 'web-1 alone was odd' },
    ]);
  });

  test('may then advance the halted gate: its failure counts no more, and the next ring gets the record as it is', async () => {
    const advanced = await stack.command(
      'cycle',
      'advance',
      servers,
      '--why',
      'the patch was released',
      '--who',
      'dana',
    );
    expect(advanced).toMatchObject({ code: 0 });
    const facts = await stack.ended(servers);
    expect(facts.state).toBe('finished');
    expect(endpointFacts(facts, 'web-1').outcome).toBe('rolled_back');
    expect(endpointFacts(facts, 'web-2').outcome).toBe('patched');
    expect(stack.endpoint('web-2').version('cron')).toBe(version);
    expect(verdictsOf(facts)).toEqual(['canary: hold', 'rest: advance']);
    expect(facts.changeRecord?.parent).toBeNull();
  });
});
