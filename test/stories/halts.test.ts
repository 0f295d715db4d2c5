/** What people order of a cycle that runs, and of one that has closed: halt, resume, skip, cancel, roll back. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CycleFacts } from '../../domain/reports/cycle-facts.ts';
import { clientId } from '../setup/stack/client-files.ts';
import { succeed } from '../setup/stack/command.ts';
import { endpointFacts, upgradesOf } from '../setup/stack/facts.ts';
import { quietSince, startDue } from '../setup/stack/quiet-since.ts';
import { type SlowHypervisor, slowHypervisor } from '../setup/simulated/slow-hypervisor.ts';
import { type RunningStack, startStack, storyTimes } from '../setup/stack/running-stack.ts';
import { until } from '../setup/until.ts';

vi.setConfig(storyTimes);

const site = 'tokyo';
/** One at a time, so that a halt finds some that have not started. */
const slow = 'osaka';
/** Whole machines are patched here many times over; that clones are tried first is told elsewhere. */
const sandbox = { required: false };

let stack: RunningStack;
let hypervisor: SlowHypervisor;

beforeAll(async () => {
  stack = await startStack({
    sites: [
      { site, zone: 'Asia/Tokyo' },
      { site: slow, zone: 'Asia/Tokyo' },
    ],
    endpoints: [
      ...[1, 2, 3].map((number) => ({ endpoint: `file-${number}`, site: slow, role: 'files' })),
      ...[1, 2, 3, 4, 5].map((number) => ({ endpoint: `shop-${number}`, site, role: 'shops' })),
      ...[1, 2].map((number) => ({ endpoint: `bank-${number}`, site, role: 'banks' })),
      ...[1, 2].map((number) => ({ endpoint: `clinic-${number}`, site, role: 'clinics' })),
    ],
    policies: [
      { policy: 'files', sandbox, budget: '1 of site', rings: [{ name: 'all' }] },
      { policy: 'shops', sandbox, rings: [{ name: 'first', take: 3 }, { name: 'later' }] },
      { policy: 'banks', sandbox },
      { policy: 'clinics', sandbox },
    ],
  });
  hypervisor = await slowHypervisor(stack.fleetDirectory);
});
afterAll(async () => {
  hypervisor?.close();
  await stack?.close();
});

/** What is recorded of a cycle once nobody in it is worked on. */
async function nobodyInFlight(cycleId: string): Promise<CycleFacts> {
  return until(`nobody of ${cycleId} is in flight`, async () => {
    const facts = await stack.recorded(cycleId);
    const working = facts.endpoints.filter((one) => one.outcome === null && one.waitingFor === null);
    await Promise.all(working.map(({ endpoint }) => workEnds(endpoint)));
    return working.length === 0 ? facts : undefined;
  });
}

/** Waits for whoever works on an endpoint, and for nobody where none does. */
async function workEnds(name: string): Promise<void> {
  await stack.temporal.workflow
    .getHandle(`endpoint/${clientId}/${name}.${clientId}`)
    .result()
    .catch(() => undefined);
}

/** Orders a rollback and waits for its end; what is recorded of the cycle then. */
async function rolledBack(cycleId: string, ...part: readonly string[]): Promise<CycleFacts> {
  const argv = ['cycle', 'rollback', cycleId, ...part, '--why', 'the forms are blank', '--who', 'dana'];
  const { out } = succeed(await stack.command(...argv), argv.join(' '));
  const orderId = /rollback\/\S+\/\d+/.exec(out)?.[0] ?? '';
  await stack.temporal.workflow.getHandle(orderId).result();
  return stack.ask<CycleFacts>('cycle', 'show', cycleId);
}

describe.concurrent('orders side by side', () => {
  test('a halt in the middle of a ring brings what has started to a known state, starts nothing else, and is resumed', async () => {
    const files = ['file-1', 'file-2', 'file-3'];
    const snapshotOfAny = /\/endpoints\/file-\d\.acme\/snapshots\//;
    const cycleId = await stack.start('files');
    const first = hypervisor.hold('PUT', snapshotOfAny);
    await first.done;
    const second = hypervisor.hold('PUT', snapshotOfAny);
    first.letGo();
    await second.done;
    const halted = await stack.command('cycle', 'halt', cycleId, '--why', 'the phones are down', '--who', 'dana');
    second.letGo();
    expect(halted.code).toBe(0);
    await stack.waitsFor(cycleId, 'a person, to resume or cancel it: halted by dana: the phones are down');

    // One was done, one was in its snapshot, one had not started.
    const atRest = await nobodyInFlight(cycleId);
    const states = files.map((name) => endpointFacts(atRest, name)).map((one) => one.outcome ?? 'waits');
    expect(states.toSorted()).toEqual(['patched', 'waits', 'waits']);
    for (const name of files) {
      const { outcome, because, ...endpoint } = endpointFacts(atRest, name);
      expect(stack.endpoint(name).upgrades().toSorted()).toEqual(outcome === 'patched' ? upgradesOf(endpoint) : []);
      if (outcome === null) expect(because.join()).toContain('halted by dana: the phones are down');
    }

    const again = await stack.command('cycle', 'halt', cycleId, '--why', 'to be sure', '--who', 'lee');
    expect(again).toMatchObject({
      code: 1,
      err: expect.stringContaining('dana has halted the cycle already') as string,
    });
    const part = await stack.command('cycle', 'resume', cycleId, '--ring', 'all', '--why', 'it is over');
    expect(part).toMatchObject({ code: 1, err: expect.stringContaining('no halt of ring all is in force') as string });
    const resumed = await stack.command('cycle', 'resume', cycleId, '--why', 'the phones ring', '--who', 'dana');
    expect(resumed.code).toBe(0);
    const facts = await stack.ended(cycleId);
    expect(facts.state).toBe('finished');
    for (const name of files) {
      expect(endpointFacts(facts, name).outcome).toBe('patched');
      expect(stack.endpoint(name).upgrades().toSorted()).toEqual(upgradesOf(endpointFacts(facts, name)));
    }
  });

  test('from two seconds after the command to halt is called no agent is given anything to start, and parts are skipped and halted by name', async () => {
    const shops = ['shop-1', 'shop-2', 'shop-3', 'shop-4', 'shop-5'];
    const given = () => shops.flatMap((name) => stack.endpoint(name).ledger());
    const snapshot = hypervisor.hold('PUT', /\/endpoints\/shop-\d\.acme\/snapshots\//);
    const cycleId = await stack.start('shops');
    await snapshot.done;
    await until('the first installs', () => given().some(({ report }) => report.kind === 'install'));
    const calledAt = Date.now();
    const halted = await stack.command('cycle', 'halt', cycleId, '--why', 'stock-taking', '--who', 'dana');
    expect(halted.code).toBe(0);
    snapshot.letGo();
    const atRest = await nobodyInFlight(cycleId);
    const starts = given().filter(({ report }) => report.kind === 'prefetch' || report.kind === 'install');
    const { orderedAt = '' } = atRest.orders.find((one) => one.order === 'halt') ?? {};
    expect(Math.max(...starts.map(startDue))).toBeLessThan(quietSince(calledAt, orderedAt));
    // One was in its snapshot, and its install was next.
    const stopped = atRest.endpoints.filter((one) => one.ring === 'first' && one.outcome === null);
    expect(stopped.map((one) => one.because.join())).toContainEqual(
      expect.stringContaining('halted by dana: stock-taking'),
    );

    const [skipped = '', kept = ''] = atRest.endpoints.filter((one) => one.ring === 'later').map((one) => one.endpoint);
    const done = atRest.endpoints.find((one) => one.outcome === 'patched');
    const skip = (name: string) =>
      stack.command('cycle', 'skip', cycleId, '--endpoint', name, '--why', 'it is broken', '--who', 'lee');
    expect(await skip(skipped)).toMatchObject({ code: 0 });
    expect(await skip(done?.endpoint ?? '')).toMatchObject({ code: 1 });
    const stop = await stack.command(
      'cycle',
      'halt',
      cycleId,
      '--endpoint',
      kept,
      '--why',
      'month end',
      '--who',
      'lee',
    );
    expect(stop).toMatchObject({ code: 0 });
    expect(await stack.command('cycle', 'resume', cycleId, '--why', 'all is counted')).toMatchObject({ code: 0 });
    const facts = await stack.ended(cycleId);
    expect(endpointFacts(facts, skipped)).toMatchObject({
      outcome: 'skipped',
      because: ['skipped by lee: it is broken'],
    });
    expect(endpointFacts(facts, kept).outcome).toBeNull();
    expect(endpointFacts(facts, kept).because.join()).toContain(`endpoint ${kept} halted by lee: month end`);
    expect((await stack.command('why', kept)).out).toContain('halted by lee: month end');
    for (const name of [skipped, kept]) expect(stack.endpoint(name).upgrades()).toEqual([]);
    const others = facts.endpoints.filter((one) => one.endpoint !== skipped && one.endpoint !== kept);
    expect(others.map((one) => one.outcome)).toEqual(others.map(() => 'patched'));
  });

  test('a cycle that is cancelled leaves every endpoint in a known state, with who and why', async () => {
    const banks = ['bank-1', 'bank-2'];
    const snapshot = hypervisor.hold('PUT', /\/endpoints\/bank-\d\.acme\/snapshots\//);
    const cycleId = await stack.start('banks');
    await snapshot.done;
    const cancelled = await stack.command('cycle', 'cancel', cycleId, '--why', 'the vault is open', '--who', 'dana');
    snapshot.letGo();
    expect(cancelled.code).toBe(0);
    const facts = await stack.ended(cycleId);
    expect(facts.state).toBe('cancelled');
    for (const name of banks) {
      const endpoint = endpointFacts(facts, name);
      expect(endpoint.outcome).toBe('skipped');
      expect(endpoint.because.join()).toContain('the cycle was cancelled by dana: the vault is open');
      expect(stack.endpoint(name).upgrades()).toEqual([]);
    }
    expect(facts.steps.map((step) => step.state)).not.toContain('running');
    const resumed = await stack.command('cycle', 'resume', cycleId, '--why', 'it is shut');
    expect(resumed).toMatchObject({ code: 1, err: expect.stringContaining('was cancelled') as string });
  });

  test('a finished ring is rolled back by order, and then the rest, each endpoint as it was before', async () => {
    const clinics = ['clinic-1', 'clinic-2'];
    const before = new Map(clinics.map((name) => [name, stack.endpoint(name).state().packages]));
    const cycle = await stack.run('clinics');
    const inRing = (ring: string) => cycle.endpoints.filter((one) => one.ring === ring).map((one) => one.endpoint);
    expect(cycle.endpoints.map((one) => one.outcome)).toEqual(['patched', 'patched']);

    const facts = await rolledBack(cycle.cycleId, '--ring', 'rest');
    for (const name of inRing('rest')) {
      expect(endpointFacts(facts, name).outcome).toBe('rolled_back');
      expect(stack.endpoint(name).state().packages).toEqual(before.get(name));
      expect(stack.endpoint(name).generation()).toBe(2);
      expect((await stack.command('why', name)).out).toContain('dana: the forms are blank');
    }
    for (const name of inRing('canary')) expect(endpointFacts(facts, name).outcome).toBe('patched');

    const all = await rolledBack(cycle.cycleId);
    expect(all.endpoints.map((one) => one.outcome)).toEqual(['rolled_back', 'rolled_back']);
    for (const name of clinics) expect(stack.endpoint(name).state().packages).toEqual(before.get(name));
    const nothing = await stack.command('cycle', 'rollback', cycle.cycleId, '--why', 'once more');
    expect(nothing).toMatchObject({ code: 1, err: expect.stringContaining('has patched nothing') as string });
  });
});
