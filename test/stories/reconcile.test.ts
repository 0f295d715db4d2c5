/**
 * What is left behind when workflows are terminated: endpoints in the middle of an install, cycles without an account,
 * snapshots and clones that nobody needs. Each moment is chosen by watching for it, never by a clock.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { simulatedSandboxes } from '../../activities/adapters/sandboxes/simulated.ts';
import { simulatedSnapshots } from '../../activities/adapters/snapshots/simulated.ts';
import type { CycleFacts } from '../../domain/reports/cycle-facts.ts';
import type { ArchiveVersion } from '../../fleets/simulated/archive.ts';
import { fleetDirectory } from '../../fleets/simulated/client.ts';
import type { FoundLeak, KeptSnapshot } from '../../operator/snapshots.ts';
import { endpointFacts, upgradesOf } from '../setup/stack/facts.ts';
import { type HeldInstall, heldInstall, installs } from '../setup/simulated/held-installs.ts';
import { knownVersion, archiveVersion } from '../setup/simulated/releases.ts';
import { type RunningStack, startStack, storyTimes } from '../setup/stack/running-stack.ts';
import { until } from '../setup/until.ts';
import { sandboxNameOf } from '../../record/names.ts';

vi.setConfig(storyTimes);

const near = 'osaka';
const far = 'tokyo';
/** It would meet the bad version first. */
const sandbox = { required: false };

let stack: RunningStack;
const terminated = new Map<string, string>();
const held = new Map<string, HeldInstall>();

beforeAll(async () => {
  stack = await startStack({
    sites: [
      { site: near, zone: 'Asia/Tokyo' },
      { site: far, zone: 'Asia/Tokyo' },
    ],
    endpoints: [
      { endpoint: 'steady-1', site: near, role: 'steady' },
      ...['sick-1', 'sick-2'].map((endpoint) => ({ endpoint, site: far, role: 'sick' })),
      { endpoint: 'dark-1', site: far, role: 'dark' },
      { endpoint: 'kept-1', site: far, role: 'kept' },
    ],
    policies: [
      // One left in flight for ever would let nothing else start.
      { policy: 'steady', budget: '1 of site', snapshot: { required: true, keep: '0 days' }, sandbox },
      { policy: 'sick', rings: [{ name: 'one', take: 1, endpoints: 'sick-1' }, { name: 'rest' }], sandbox },
      { policy: 'dark', sandbox },
      { policy: 'kept', rollback: 'packages', sandbox },
    ],
  });
  const grep = archiveVersion('grep', '3.8-5+deb12u1', ['CVE-2026-70003']);
  for (const name of ['steady-1', 'sick-1', 'dark-1']) {
    const install = heldInstall(stack, name);
    install.hold();
    held.set(name, install);
    const faults = { heldBy: install.heldBy, ...(name === 'sick-1' ? { failsConfigure: true as const } : {}) };
    await stack.fleet.publish({ ...grep, faults }, [name]);
  }
  await stack.fleet.publish({ ...grep, faults: { failsConfigure: true } }, ['kept-1']);
});
afterAll(() => stack?.close());

/** Has a chore done now; one that is under way is waited for and done again. */
function chore(name: 'reconcile' | 'clean-up-snapshots'): Promise<void> {
  return stack.temporal.schedule.getHandle(`chore/${name}`).trigger(ScheduleOverlapPolicy.BUFFER_ONE);
}

/** Starts a cycle and terminates it, with everything it has started, in the middle of an endpoint's install. */
async function terminateInstall(
  policy: string,
  name: string,
  first: () => Promise<unknown> = async () => undefined,
): Promise<string> {
  const cycleId = await stack.start(policy);
  terminated.set(name, cycleId);
  await until(`${name} installs`, () => installs(stack, name));
  await first();
  await terminate(cycleId, name);
  held.get(name)?.letGo();
  return cycleId;
}

async function terminate(cycleId: string, name: string): Promise<void> {
  await stack.temporal.workflow.getHandle(cycleId).terminate('somebody’s mistake');
  await stack.temporal.workflow.getHandle(`endpoint/acme/${name}.acme`).terminate('somebody’s mistake');
}

/** The power of a machine has failed once while this package was configured at the version from before. */
function lostPowerOver(name: string, before: ArchiveVersion): boolean {
  return stack.endpoint(name).state().powerLostTo.includes(`${before.package} ${before.version}`);
}

const show = (cycleId: string) => stack.ask<CycleFacts>('cycle', 'show', cycleId);

function closed(cycleId: string): Promise<CycleFacts> {
  return until(
    `${cycleId} is closed`,
    async () => {
      const facts = await stack.recorded(cycleId);
      return facts.endedAt !== null && facts;
    },
    120,
  );
}

describe.concurrent('cycles that were terminated in the middle of an install, or of its rollback', () => {
  test('the endpoint is proven patched, the cycle gives its account, and the next one finds the budget free', async () => {
    const cycleId = await terminateInstall('steady', 'steady-1');
    await chore('reconcile');
    const facts = await closed(cycleId);
    expect(facts.state).toBe('failed');
    const rollout = facts.steps.find(({ step }) => step === 'rollout');
    expect(rollout).toMatchObject({ state: 'failed', because: 'its workflow was terminated' });
    expect(facts.steps.filter(({ step }) => ['audit', 'report', 'review'].includes(step))).toMatchObject(
      ['audit', 'report', 'review'].map((step) => ({ step, state: 'done' })),
    );
    const endpoint = endpointFacts(facts, 'steady-1');
    const disk = stack.endpoint('steady-1');
    expect(endpoint.outcome, endpoint.because.join('; ')).toBe('patched');
    expect(endpoint.bootIdAfter).not.toBe(endpoint.bootIdBefore);
    expect(endpoint.because.join()).toContain('its workflow was terminated');
    expect(disk.upgrades().toSorted()).toEqual(upgradesOf(endpoint));
    expect(disk.ledger().filter(({ report }) => report.kind === 'install')).toHaveLength(1);

    await stack.fleet.publish(archiveVersion('sed', '4.9-1+deb12u2', ['CVE-2026-70002']), ['steady-1']);
    const next = await stack.run('steady');
    expect(next.state).toBe('finished');
    expect(endpointFacts(next, 'steady-1').outcome).toBe('patched');
    expect(disk.version('sed')).toBe('4.9-1+deb12u2');
  });

  test('an endpoint whose install failed is rolled back and that is proven; who had not started is skipped', async () => {
    const cycleId = await terminateInstall('sick', 'sick-1');
    const before = stack.endpoint('sick-1').generation();
    await chore('reconcile');
    const facts = await closed(cycleId);
    expect(facts.state).toBe('failed');
    const endpoint = endpointFacts(facts, 'sick-1');
    expect(endpoint.outcome, endpoint.because.join('; ')).toBe('rolled_back');
    expect(endpoint.snapshot?.restoredAt).not.toBeNull();
    expect(stack.endpoint('sick-1').upgrades()).toEqual([]);
    expect(stack.endpoint('sick-1').generation()).toBe(before + 1);
    expect(stack.endpoint('sick-1').failedStates()).toHaveLength(1);
    expect(endpointFacts(facts, 'sick-2')).toMatchObject({ outcome: 'skipped', startedAt: null });
    expect(stack.endpoint('sick-2').upgrades()).toEqual([]);
  });

  test('an endpoint that is silent stays unknown, and is brought to an end when it comes back', async () => {
    const cycleId = await terminateInstall('dark', 'dark-1', () => stack.fleet.power('dark-1', 'cut'));
    await chore('reconcile');
    const facts = await closed(cycleId);
    expect(endpointFacts(facts, 'dark-1')).toMatchObject({ outcome: null, endedAt: null });
    expect(endpointFacts(facts, 'dark-1').because.join()).toContain('its agent does not answer');

    await stack.fleet.power('dark-1', 'on');
    const ended = await until(
      'dark-1 comes to an end',
      async () => {
        await chore('reconcile');
        const endpoint = endpointFacts(await show(cycleId), 'dark-1');
        return endpoint.outcome !== null && endpoint;
      },
      120,
    );
    // A power cut in an install is repaired, or not: what was observed decides, and either end is proven.
    expect(['patched', 'rolled_back']).toContain(ended.outcome);
    const upgrades = stack.endpoint('dark-1').upgrades().toSorted();
    expect(upgrades).toEqual(ended.outcome === 'patched' ? upgradesOf(ended) : []);
  });

  test('packages whose rollback stopped half-way are rolled back wholly, and what failed is held', async () => {
    const before = new Map(
      stack
        .endpoint('kept-1')
        .state()
        .packages.map((each) => [each.package, each.version]),
    );
    const openssl = archiveVersion('openssl', knownVersion('openssl'), [], { faults: { losesPower: 'for good' } });
    await stack.fleet.publish(openssl, ['kept-1']);
    const cycleId = await stack.start('kept');
    await until('kept-1 is rolled back half-way', () => lostPowerOver('kept-1', openssl));
    await terminate(cycleId, 'kept-1');
    await stack.fleet.power('kept-1', 'on');
    await chore('reconcile');
    const facts = await closed(cycleId);
    const disk = stack.endpoint('kept-1');
    const ends = disk.ledger().filter(({ report }) => report.kind === 'roll back packages');
    expect(ends.map(({ report }) => report.state).toSorted()).toEqual(['interrupted', 'succeeded']);
    const { outcome, because } = endpointFacts(facts, 'kept-1');
    expect(outcome, because.join('; ')).toBe('rolled_back');
    expect(new Map(disk.state().packages.map((each) => [each.package, each.version]))).toEqual(before);
    expect(disk.state().heldPackages).toEqual(['grep']);
    expect(disk.generation()).toBe(1);
  });
});

type SnapshotAnswer = { readonly snapshots: readonly KeptSnapshot[]; readonly leaks: readonly FoundLeak[] };

test('snapshots go when nothing needs them, stay while something does, and what is on no record is told', async () => {
  const fleet = fleetDirectory(stack.fleetDirectory);
  const drivers = { snapshots: simulatedSnapshots(fleet.socket), sandboxes: simulatedSandboxes(fleet.socket) };
  await drivers.snapshots.create('steady-1.acme', 'by-hand');
  const test = { cycleId: terminated.get('steady-1') ?? '', segment: 'steady', attempt: 7 };
  const left = `${sandboxNameOf(test)}.acme`;
  await drivers.sandboxes.prepare('steady-1.acme', left);
  await drivers.sandboxes.prepare('steady-1.acme', 'by-hand.acme');
  const [dark] = stack.endpoint('dark-1').snapshots();
  await rm(join(fleet.snapshotsOf('dark-1'), dark ?? ''), { recursive: true });

  await chore('clean-up-snapshots');
  const snapshotAnswer = await until('the clean-up is done', async () => {
    const seen = await stack.ask<SnapshotAnswer>('snapshot', 'list');
    return seen.leaks.length === 2 && seen.snapshots.every(({ endpoint }) => endpoint !== 'steady-1') && seen;
  });
  // Both were kept for 0 days after a proven end; what somebody else has made is not ours to delete.
  expect(stack.endpoint('steady-1').snapshots()).toEqual(['by-hand']);
  expect(snapshotAnswer.leaks.map(({ kind, name }) => `${kind} ${name}`).toSorted()).toEqual([
    'sandbox by-hand.acme',
    'snapshot by-hand',
  ]);
  await until('the left clone is destroyed', async () => !(await drivers.sandboxes.list()).includes(left));
  expect(await drivers.sandboxes.list()).toContain('by-hand.acme');

  const [sick] = snapshotAnswer.snapshots.filter(({ endpoint }) => endpoint === 'sick-1');
  expect(sick).toMatchObject({ keep: true, missingSinceAt: null });
  expect(sick?.untilAt).not.toBeNull();
  expect(stack.endpoint('sick-1').snapshots()).toEqual([sick?.snapshotId]);
  const [gone] = snapshotAnswer.snapshots.filter(({ endpoint }) => endpoint === 'dark-1');
  expect(gone?.missingSinceAt).not.toBeNull();
  const inWords = await stack.command('snapshot', 'list');
  expect(inWords.out).toContain('gone since');
  expect(inWords.out).toContain('2 on no record');
});
