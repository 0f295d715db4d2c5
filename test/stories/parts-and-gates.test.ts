/** Orders about a part of a cycle, at its gates, of a rollback under way, and as Temporal's web UI sends them. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { endpointFacts, outcomesOf, upgradesOf, verdictsOf } from '../setup/stack/facts.ts';
import { type Operator, operatorOf } from '../setup/stack/operator.ts';
import { knownVersion, archiveVersion } from '../setup/simulated/releases.ts';
import { type SlowHypervisor, slowHypervisor } from '../setup/simulated/slow-hypervisor.ts';
import { type RunningStack, startStack, storyTimes } from '../setup/stack/running-stack.ts';

vi.setConfig(storyTimes);

const near = 'tokyo';
const far = 'osaka';
const sed = '4.9-1+deb12u2';
/** Near enough to be waited for, and never open while this runs. */
const someday = `${new Date(Date.now() + 20 * 24 * 60 * 60 * 1000).toISOString().slice(0, 10)} 02:00`;
/** A ring for each, of its name, and then the others. */
const oneByOne = (...names: readonly string[]) => [
  ...names.map((name) => ({ name, take: 1, endpoints: name })),
  { name: 'rest' },
];
/** Whole machines are patched here many times over; that clones are tried first is told elsewhere. */
const sandbox = { required: false };

let stack: RunningStack;
let operator: Operator;
let hypervisor: SlowHypervisor;

beforeAll(async () => {
  stack = await startStack({
    sites: [
      { site: near, zone: 'Asia/Tokyo' },
      { site: far, zone: 'Asia/Tokyo' },
    ],
    endpoints: [
      ...[1, 2].map((number) => ({ endpoint: `mill-${number}`, site: near, role: 'mills' })),
      ...[1, 2].map((number) => ({ endpoint: `yard-${number}`, site: near, role: 'yards' })),
      { endpoint: 'yard-3', site: far, role: 'yards' },
      ...[1, 2, 3].map((number) => ({ endpoint: `press-${number}`, site: near, role: 'presses' })),
      ...[1, 2, 3].map((number) => ({ endpoint: `inn-${number}`, site: near, role: 'inns' })),
      ...[1, 2].map((number) => ({ endpoint: `dock-${number}`, site: near, role: 'docks' })),
    ],
    policies: [
      { policy: 'mills', sandbox, rings: [{ name: 'all' }] },
      { policy: 'yards', sandbox, rings: [{ name: 'all' }] },
      { policy: 'presses', sandbox, rings: oneByOne('press-1', 'press-2') },
      {
        policy: 'inns',
        sandbox,
        windows: [{ opens: someday, lasts: '4 hours' }],
        rings: [{ name: 'first', take: 2, endpoints: ['inn-1', 'inn-2'] }, { name: 'later' }],
        gate: { soak: '1 second', atLeast: '2 verified', failuresAtMost: 0 },
      },
      { policy: 'docks', sandbox, rings: oneByOne('dock-1'), afterHalt: 'ask' },
    ],
  });
  const grep = archiveVersion('grep', '3.8-5+deb12u1', ['CVE-2026-70003']);
  await stack.fleet.publish(archiveVersion('sed', sed, ['CVE-2026-70002']), ['mill-2']);
  await stack.fleet.publish({ ...grep, faults: { failsConfigure: true } }, ['dock-1']);
  await stack.fleet.publish(grep, ['dock-2']);
  operator = operatorOf(stack);
  hypervisor = await slowHypervisor(stack.fleetDirectory);
});
afterAll(async () => {
  hypervisor?.close();
  await stack?.close();
});

const snapshotOf = (name: string) => hypervisor.hold('PUT', new RegExp(`/endpoints/${name}.acme/snapshots/`));
const restoreOf = (name: string) =>
  hypervisor.hold('POST', new RegExp(`/endpoints/${name}.acme/snapshots/.*/restore$`));
/** What the agent of an endpoint was ever asked to do. */
const given = (name: string) => Array.from(stack.endpoint(name).ledger(), ({ report }) => report.kind);

describe.concurrent('orders side by side', () => {
  test('a patch that is halted is given to nobody, whoever goes without it goes on, and it is given once resumed', async () => {
    const snapshot = snapshotOf('mill-2');
    const cycleId = await stack.start('mills');
    await snapshot.done;
    await operator.order('halt', cycleId, 'sed is suspected', '--patch', 'sed');
    snapshot.letGo();
    await operator.untilRecorded(cycleId, 'mill-1', 'patched');
    await stack.waitsFor(cycleId, 'patch sed halted by dana: sed is suspected');
    await operator.untilRecorded(cycleId, 'mill-2', 'patch sed halted by dana: sed is suspected');
    expect(given('mill-2')).not.toContain('install');
    expect(stack.endpoint('mill-2').upgrades()).toEqual([]);

    await operator.order('resume', cycleId, 'sed is sound', '--patch', 'sed');
    const facts = await stack.ended(cycleId);
    expect(facts.state).toBe('finished');
    for (const name of ['mill-1', 'mill-2']) {
      expect(endpointFacts(facts, name).outcome).toBe('patched');
      expect(stack.endpoint(name).upgrades().toSorted()).toEqual(upgradesOf(endpointFacts(facts, name)));
    }
    expect(stack.endpoint('mill-2').version('sed')).toBe(sed);
    expect(await operator.audited(cycleId)).toEqual([
      'halt patch sed by dana: sed is suspected',
      'resume patch sed by dana: sed is sound',
    ]);
    const why = (await stack.command('why', 'mill-2', 'sed')).out;
    expect(why).toMatch(/halt of patch sed by dana at .*: sed is suspected/);
    expect(why).toMatch(/resume of patch sed by dana at .*: sed is sound/);
  });

  test('a site that is halted gets nothing, other sites go on, and it is brought back by its resume', async () => {
    const [here, there] = [snapshotOf('yard-2'), snapshotOf('yard-3')];
    const cycleId = await stack.start('yards');
    await Promise.all([here.done, there.done]);
    await operator.order('halt', cycleId, 'the line is down', '--site', far);
    there.letGo();
    await operator.untilRecorded(cycleId, 'yard-3', `site ${far} halted by dana: the line is down`);
    await operator.untilRecorded(cycleId, 'yard-1', 'patched');
    expect(given('yard-3')).not.toContain('install');
    expect(stack.endpoint('yard-3').upgrades()).toEqual([]);

    await operator.order('resume', cycleId, 'the line is back', '--site', far);
    await operator.untilRecorded(cycleId, 'yard-3', 'patched');
    here.letGo();
    const facts = await stack.ended(cycleId);
    expect(facts.endpoints.map(({ outcome }) => outcome)).toEqual(['patched', 'patched', 'patched']);
    for (const { endpoint, patches } of facts.endpoints)
      expect(stack.endpoint(endpoint).upgrades().toSorted()).toEqual(upgradesOf({ patches }));
    expect(await operator.audited(cycleId)).toEqual([
      `halt site ${far} by dana: the line is down`,
      `resume site ${far} by dana: the line is back`,
    ]);
    expect((await stack.command('why', 'yard-3')).out).toContain(`halt of site ${far} by dana`);
  });

  test('a rollback and its cycle that are cancelled leave what had begun rolled back, the rest as it was, and all of it on record', async () => {
    const before = stack.endpoint('press-2').state().packages;
    const snapshot = snapshotOf('press-1');
    const cycleId = await stack.start('presses');
    await snapshot.done;
    await operator.order('halt', cycleId, 'one more shift', '--ring', 'rest');
    snapshot.letGo();
    await stack.waitsFor(cycleId, 'ring rest halted by dana');

    const restore = restoreOf('press-2');
    const [orderId = ''] = /rollback\/\S+\/1/.exec(await operator.order('rollback', cycleId, 'the ink runs')) ?? [];
    await restore.done;
    await operator.order('cancel', orderId, 'the ink was old');
    await operator.order('cancel', cycleId, 'the press is sold');
    restore.letGo();
    await expect(stack.temporal.workflow.getHandle(orderId).result()).rejects.toThrow();
    const facts = await stack.ended(cycleId);
    expect(facts.state).toBe('cancelled');
    expect(outcomesOf(facts)).toEqual(['press-1: patched', 'press-2: rolled_back', 'press-3: skipped']);
    expect(stack.endpoint('press-1').upgrades().toSorted()).toEqual(upgradesOf(endpointFacts(facts, 'press-1')));
    expect(stack.endpoint('press-2').state().packages).toEqual(before);
    expect(stack.endpoint('press-3').upgrades()).toEqual([]);
    expect(['press-1', 'press-2', 'press-3'].map((name) => stack.endpoint(name).generation())).toEqual([1, 2, 1]);
    expect(endpointFacts(facts, 'press-3').because.join()).toContain('cancelled by dana: the press is sold');
    expect(facts.orders.map((one) => `${one.order} of ${one.about}: ${one.because.join('; ')}`)).toEqual([
      'halt of ring rest: one more shift',
      'halt of the cycle: the ink runs',
      'roll back of the cycle: the ink runs',
      'cancel roll back of rollback 1: the ink was old',
      'cancel cycle of the cycle: the press is sold',
      expect.stringMatching(/^roll back ended of rollback 1: .*cancelled by dana: the ink was old.*1 rolled back/),
    ]);

    const again = await operator.order('rollback', cycleId, 'the ink runs after all');
    await stack.temporal.workflow.getHandle(/rollback\/\S+\/2/.exec(again)?.[0] ?? '').result();
    expect(stack.endpoint('press-1').upgrades()).toEqual([]);
  });

  test('orders that are typed into Temporal’s web UI are carried out when they say who and why, and else refused in a sentence', async () => {
    const signOff = { who: 'lee', why: 'by hand' };
    const cycleId = await stack.start('inns');
    await operator.untilRecorded(cycleId, 'inn-1', 'window');
    const refusals: readonly [update: string, typed: unknown, sentence: RegExp][] = [
      ['halt', undefined, /^say who gives the order: "who"$/],
      ['halt', 'stop', /^say who gives the order: "who"$/],
      ['halt', { who: 7, why: 'by hand' }, /^say who gives the order: "who"$/],
      ['halt', { who: 'lee', why: ' ' }, /^say why: "why"$/],
      [
        'rollBack',
        { ...signOff, sites: near },
        /^"sites" is not known in this order, which takes: who, why, ring, site,/,
      ],
      ['skip', { ...signOff, ring: 'first', endpoint: 'inn-3' }, /one part of a cycle, not ring and endpoint$/],
      ['skip', { ...signOff, endpoint: null }, /^say which endpoint$/],
      ['skip', { ...signOff, endpoint: 'inn-9' }, /has no endpoint inn-9; it has inn-1, inn-2, inn-3$/],
      ['skip', signOff, /^name what to skip/],
      ['rollBack', { ...signOff, endpoint: 'inn-3' }, /has patched nothing of endpoint inn-3/],
      ['openWindow', { ...signOff, minutes: 60, sites: near }, /^"sites" is not known/],
      ['continueCycle', signOff, /^no halted gate waits/],
      ['advance', signOff, /^no gate waits for a person$/],
    ];
    for (const [update, words, sentence] of refusals)
      expect(await operator.refusal(cycleId, update, words)).toMatch(sentence);
    expect(await operator.audited(cycleId)).toEqual([]);

    await operator.typed(cycleId, 'halt', { ...signOff, endpoint: 'inn-2' });
    await operator.typed(cycleId, 'openWindow', { ...signOff, minutes: 60 });
    await stack.waitsFor(cycleId, 'the gate of ring first is held');
    await operator.typed(cycleId, 'halt', signOff);
    expect(await operator.refusal(cycleId, 'advance', signOff)).toMatch(
      /^resume it before you advance its gate: halted by/,
    );
    await operator.typed(cycleId, 'resume', signOff);
    const last = snapshotOf('inn-3');
    expect(await operator.refusal(cycleId, 'continueCycle', signOff)).toMatch(/^no halted gate waits/);
    await operator.order('advance', cycleId, 'one inn is enough');
    await last.done;
    const orderId = await operator.typed(cycleId, 'rollBack', { ...signOff, endpoint: 'inn-1' });
    await stack.temporal.workflow.getHandle(String(orderId)).result();
    expect(stack.endpoint('inn-1').upgrades()).toEqual([]);
    await operator.typed(cycleId, 'skip', { ...signOff, endpoint: 'inn-2' });
    last.letGo();
    const facts = await stack.ended(cycleId);
    expect(facts.state).toBe('finished');
    expect(verdictsOf(facts)).toEqual(['first: hold', 'later: advance']);
    expect(outcomesOf(facts)).toEqual(['inn-1: rolled_back', 'inn-2: skipped', 'inn-3: patched']);
    expect(given('inn-2')).toEqual([]);
    expect(await operator.audited(cycleId)).toEqual([
      'halt endpoint inn-2 by lee: by hand',
      expect.stringMatching(/^open window all sites until .* by lee: by hand$/),
      'halt the cycle by lee: by hand',
      'resume the cycle by lee: by hand',
      expect.stringMatching(/^advance ring first by dana: one inn is enough; 1 of 2 verified, at least 2 needed/),
      'roll back endpoint inn-1 by lee: by hand',
      expect.stringContaining('endpoint rolled back inn-1'),
      'skip endpoint inn-2 by lee: by hand',
    ]);
    expect((await stack.command('why', 'inn-1')).out).toContain('advance of ring first by dana');
  });

  test('a halted gate is not advanced; the good patches go on past it when a person says so, with who and why', async () => {
    const cycleId = await stack.start('docks');
    await stack.waitsFor(cycleId, 'the gate of ring dock-1 is halted');
    expect(await operator.refusal(cycleId, 'advance', { who: 'lee', why: 'it is late' })).toMatch(
      /^a halted gate is not advanced .*release the patch at fault first/,
    );
    expect(given('dock-2')).toEqual([]);
    await operator.order('continue', cycleId, 'grep can wait');
    const facts = await stack.ended(cycleId);
    expect(facts.state).toBe('finished');
    expect(verdictsOf(facts)).toEqual(['dock-1: halt', 'dock-1, successor 1: advance', 'rest, successor 1: advance']);
    for (const name of ['dock-1', 'dock-2']) {
      expect(endpointFacts(facts, name).outcome).toBe('patched');
      expect(stack.endpoint(name).version('grep')).toBe(knownVersion('grep'));
      expect(stack.endpoint(name).upgrades().join()).toContain('openssl');
    }
    expect(await operator.audited(cycleId)).toContain('go on the cycle by dana: grep can wait');
    expect((await stack.command('why', 'dock-2')).out).toMatch(/go on of the cycle by dana at .*: grep can wait/);
  });
});
