/** What people order: an emergency, an approval, a report, and orders that make no sense. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CycleFacts } from '../../domain/reports/cycle-facts.ts';
import { clientId } from '../setup/stack/client-files.ts';
import { endpointFacts, upgradesOf } from '../setup/stack/facts.ts';
import { changelogEntry, knownChangelog, archiveVersion } from '../setup/simulated/releases.ts';
import { type RunningStack, startStack, storyTimes } from '../setup/stack/running-stack.ts';

vi.setConfig(storyTimes);

const site = 'tokyo';
/** Of the updates that are pending on a fresh machine: openssl 3.0.22-1~deb12u2 fixes it. */
const advisory = 'CVE-2026-84782';

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack({
    sites: [{ site, zone: 'Asia/Tokyo' }],
    endpoints: [
      ...['pay-1', 'pay-2'].map((endpoint) => ({ endpoint, site, role: 'payments' })),
      { endpoint: 'till-1', site, role: 'tills' },
      { endpoint: 'museum-1', site, role: 'museum' },
    ],
    policies: [
      { policy: 'payments', emergency: { soak: '1 second', windows: 'any', approval: 'none' } },
      { policy: 'tills', approval: 'one person within 30 minutes' },
      { policy: 'museum', mode: 'report only' },
    ],
  });
});
afterAll(async () => {
  await stack?.close();
});

describe.concurrent('orders side by side', () => {
  test('an emergency for one CVE patches what carries it and what that needs, nothing else, however often it is started', async () => {
    const needed = '1:1.2.13.dfsg-1+deb12u1';
    const newest = '3.0.22-1~deb12u3';
    const pay = ['pay-1', 'pay-2'];
    const zlib = { origin: 'Debian:12.15/oldstable', changelog: changelogEntry('zlib', needed, []) };
    await stack.fleet.publish(archiveVersion('zlib1g', needed, [], zlib), pay);
    const openssl = {
      depends: ['libc6 (>= 2.34)', 'libssl3 (>= 3.0.9)', `zlib1g (>= ${needed})`],
      changelog: changelogEntry('openssl', newest, []) + knownChangelog('openssl'),
    };
    await stack.fleet.publish(archiveVersion('openssl', newest, [], openssl), pay);

    const start = () =>
      stack.ask<{ cycleId: string }>('emergency', 'start', '--advisory', advisory, '--policy', 'payments');
    const { cycleId } = await start();
    expect(await start()).toMatchObject({ cycleId });
    const facts = await stack.ended(cycleId);
    expect(await start()).toMatchObject({ cycleId });

    for (const name of pay) {
      const endpoint = endpointFacts(facts, name);
      expect(endpoint.outcome).toBe('patched');
      expect(stack.endpoint(name).upgrades().toSorted()).toEqual([
        'libssl3 3.0.20-1~deb12u2 3.0.22-1~deb12u2',
        `openssl 3.0.20-1~deb12u2 ${newest}`,
        `zlib1g 1:1.2.13.dfsg-1 ${needed}`,
      ]);
      expect(upgradesOf(endpoint)).toEqual(stack.endpoint(name).upgrades().toSorted());
      expect(stack.endpoint(name).snapshots()).toHaveLength(1);
    }
    const runs: string[] = [];
    for await (const run of stack.temporal.workflow.list({ query: `WorkflowId = '${cycleId}'` })) runs.push(run.runId);
    expect(runs).toHaveLength(1);
  });

  test('a policy that asks for an approval waits for one that says why, and then goes on', async () => {
    const cycleId = await stack.start('tills');
    await stack.waitsFor(cycleId, 'an approval');
    const asked = await stack.ask<CycleFacts>('cycle', 'show', cycleId);
    expect(asked.changeRecord?.approval.state).toBe('waiting');

    const withoutReason = await stack.command('cycle', 'approve', cycleId, '--who', 'dana');
    expect(withoutReason).toMatchObject({ code: 2, err: expect.stringContaining('--why') as string });
    const emptyReason = await stack.command('cycle', 'approve', cycleId, '--who', 'dana', '--why', ' ');
    expect(emptyReason).toMatchObject({ code: 2, err: expect.stringContaining('why') as string });
    expect(stack.endpoint('till-1').upgrades()).toEqual([]);

    const approved = await stack.command('cycle', 'approve', cycleId, '--who', 'dana', '--why', 'the shop is closed');
    expect(approved.code).toBe(0);
    const facts = await stack.ended(cycleId);
    expect(facts.changeRecord?.approval.state).toBe('approved');
    expect(facts.changeRecord?.approval.words).toMatchObject([{ who: 'dana', why: 'the shop is closed' }]);
    expect(stack.endpoint('till-1').upgrades().toSorted()).toEqual(upgradesOf(endpointFacts(facts, 'till-1')));
  });

  test('a policy that only reports names what is due and changes nothing', async () => {
    const before = stack.endpoint('museum-1').state();
    const facts = await stack.run('museum');
    expect(facts.state).toBe('finished');
    expect(facts.patchSet.map((patch) => patch.package)).toContain('openssl');
    expect(facts.steps.filter((step) => step.state === 'left out').map((step) => step.step)).toEqual([
      'testing',
      'change record',
      'rollout',
    ]);
    const after = stack.endpoint('museum-1').state();
    expect(stack.endpoint('museum-1').dpkgLog()).toBe('');
    expect([after.packages, after.bootId]).toEqual([before.packages, before.bootId]);
    expect(stack.endpoint('museum-1').snapshots()).toEqual([]);
  });
});

describe('bad input', () => {
  test('a file that cannot be meant is refused with its line, and nothing is changed', async () => {
    const broken = join(stack.stateDirectory, 'broken-files');
    await cp(stack.filesDirectory, broken, { recursive: true });
    const file = join(broken, 'policies', 'tills.yaml');
    const lines = (await readFile(file, 'utf8')).split('\n');
    const line = lines.findIndex((each) => each.startsWith('windows:')) + 1;
    await writeFile(file, lines.join('\n').replace('windows: always', 'windows: sometimes'));
    // A change that is right in itself: it must not be applied beside one that is not.
    const museum = join(broken, 'policies', 'museum.yaml');
    await writeFile(museum, (await readFile(museum, 'utf8')).replace('report only', 'patch'));

    const refused = await stack.command('apply', '-f', broken);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toContain(`policies/tills.yaml:${line}: windows: "sometimes" is not known`);
    const again = await stack.ask<{ policies: { changed: boolean; version: number }[] }>(
      'apply',
      '-f',
      stack.filesDirectory,
    );
    expect(again.policies.map(({ changed, version }) => [changed, version])).toEqual(
      again.policies.map(() => [false, 1]),
    );
  });

  const unknown = `cycle/${clientId}/tills/1999-12-31`;
  test.for(
    [
      ['cycle', 'show', unknown],
      ['cycle', 'show', 'nonsense'],
      ['cycle', 'halt', unknown, '--why', 'it is late'],
      ['cycle', 'approve', unknown, '--why', 'it is late'],
      ['cycle', 'cancel', unknown, '--why', 'it is late'],
      ['cycle', 'resume', unknown, '--why', 'it is late'],
      ['cycle', 'skip', unknown, '--endpoint', 'till-1', '--why', 'it is late'],
      ['cycle', 'rollback', unknown, '--why', 'it is late'],
      ['window', 'open', unknown, '--why', 'it is late'],
      ['report', 'write', unknown],
      ['why', 'nobody-1'],
      ['cycle', 'start', '--policy', 'nobody'],
      ['endpoint', 'list', '--client', 'nobody'],
      ['emergency', 'start', '--advisory', 'openssl'],
      ['cycle', 'list', '--nonsense'],
    ].map((argv) => [argv.join(' '), argv] as const),
  )('patchcycle %s is refused with a sentence', async ([, argv]) => {
    const { code, out, err } = await stack.command(...argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(err).not.toMatch(/ {4}at |Error:/);
  });
});
