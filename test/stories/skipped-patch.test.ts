/** What people order of one patch of a cycle: that nothing of it starts any more, and that the rest goes on without it. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { endpointFacts } from '../setup/stack/facts.ts';
import { type Operator, operatorOf } from '../setup/stack/operator.ts';
import { knownVersion, archiveVersion } from '../setup/simulated/releases.ts';
import { type SlowHypervisor, slowHypervisor } from '../setup/simulated/slow-hypervisor.ts';
import { type RunningStack, startStack, storyTimes } from '../setup/stack/running-stack.ts';

vi.setConfig(storyTimes);

const site = 'tokyo';
const cron = '3.0pl1-162+deb12u1';
const advisory = 'CVE-2026-70004';
/** Whole machines are patched here many times over; that clones are tried first is told elsewhere. */
const sandbox = { required: false };
const rings = (canary: string) => [{ name: 'canary', take: 1, endpoints: canary }, { name: 'rest' }];

let stack: RunningStack;
let operator: Operator;
let hypervisor: SlowHypervisor;

beforeAll(async () => {
  stack = await startStack({
    sites: [{ site, zone: 'Asia/Tokyo' }],
    endpoints: [
      ...[1, 2, 3].map((number) => ({ endpoint: `till-${number}`, site, role: 'tills' })),
      ...[1, 2].map((number) => ({ endpoint: `kiosk-${number}`, site, role: 'kiosks' })),
      ...[1, 2].map((number) => ({ endpoint: `desk-${number}`, site, role: 'desks' })),
    ],
    policies: [
      { policy: 'tills', sandbox, rings: rings('till-1') },
      {
        policy: 'kiosks',
        sandbox,
        rings: rings('kiosk-1'),
        emergency: { soak: '1 second', windows: 'any', approval: 'none' },
      },
      { policy: 'desks', sandbox, rings: rings('desk-1'), afterHalt: 'ask' },
    ],
  });
  const good = archiveVersion('cron', cron, [advisory]);
  await stack.fleet.publish(good, ['till-1', 'till-2', 'till-3', 'kiosk-1', 'kiosk-2', 'desk-2']);
  await stack.fleet.publish({ ...good, faults: { failsConfigure: true } }, ['desk-1']);
  operator = operatorOf(stack);
  hypervisor = await slowHypervisor(stack.fleetDirectory);
});
afterAll(async () => {
  hypervisor?.close();
  await stack?.close();
});

const snapshotOf = (name: string) => hypervisor.hold('PUT', new RegExp(`/endpoints/${name}.acme/snapshots/`));

describe.concurrent('orders side by side', () => {
  test('a patch that is skipped in the middle of a ring is installed nowhere, and the rest goes on from the first ring', async () => {
    const tills = ['till-1', 'till-2', 'till-3'];
    const snapshot = snapshotOf('till-1');
    const cycleId = await stack.start('tills');
    await snapshot.done;
    const unknown = await stack.command('cycle', 'skip', cycleId, '--patch', 'emacs', '--why', 'the tills break');
    expect(unknown).toMatchObject({ code: 2, err: expect.stringContaining(`it has cron=${cron}, `) as string });
    const said = await operator.order('skip', cycleId, 'the tills break', '--patch', 'cron');
    expect(said).toContain('patch cron skipped by dana: the tills break; 2 endpoints that carry it');
    expect(await operator.order('skip', cycleId, 'the tills break', '--patch', 'cron')).toContain(
      'patch cron was skipped',
    );
    snapshot.letGo();

    const facts = await stack.ended(cycleId);
    expect(facts.state).toBe('finished');
    expect(facts.gates.map(({ ring, verdict }) => `${ring}: ${verdict}`)).toEqual([
      'canary: hold',
      'canary, successor 1: advance',
      'rest, successor 1: advance',
    ]);
    const { parent } = facts.changeRecord ?? {};
    expect(parent?.changeRecordId).toBe(`${cycleId}/record-1`);
    expect(parent?.because).toContain(`cron ${cron} leaves the record: skipped by dana: the tills break`);
    for (const name of tills) {
      expect(endpointFacts(facts, name).outcome).toBe('patched');
      const disk = stack.endpoint(name);
      expect(disk.version('cron')).toBe(knownVersion('cron'));
      expect(disk.upgrades().join('\n')).toContain('openssl');
      expect(disk.generation()).toBe(1);
    }
    expect((await stack.command('why', 'till-2', 'cron')).out).toContain('skipped by dana: the tills break');
    expect(await operator.audited(cycleId)).toContain('skip patch cron by dana: the tills break');
    const late = await stack.command('cycle', 'skip', cycleId, '--patch', 'openssl', '--why', 'it is late');
    expect(late).toMatchObject({ code: 1, err: expect.stringContaining('has closed') as string });
  });

  test('where the patch was all there was, the cycle ends with its endpoints skipped for that reason', async () => {
    const snapshot = snapshotOf('kiosk-1');
    const asked = ['emergency', 'start', '--advisory', advisory, '--policy', 'kiosks'];
    const { cycleId } = await stack.ask<{ cycleId: string }>(...asked);
    await snapshot.done;
    await operator.order('skip', cycleId, 'the vendor withdrew it', '--patch', `cron=${cron}`);
    snapshot.letGo();
    const facts = await stack.ended(cycleId);
    expect(facts.state).toBe('finished');
    for (const name of ['kiosk-1', 'kiosk-2']) {
      expect(endpointFacts(facts, name)).toMatchObject({
        outcome: 'skipped',
        because: [`cron ${cron} was skipped by dana: the vendor withdrew it`],
      });
      expect(stack.endpoint(name).upgrades()).toEqual([]);
    }
    expect(facts.changeRecord?.parent).toBeNull();
  });

  test('a halted gate that waits for a person goes on once the patch at fault is skipped', async () => {
    const cycleId = await stack.start('desks');
    await stack.waitsFor(cycleId, 'the gate of ring canary is halted');
    await operator.order('skip', cycleId, 'its script is broken', '--patch', 'cron');
    const facts = await stack.ended(cycleId);
    expect(facts.state).toBe('finished');
    expect(facts.changeRecord?.parent?.because).toContain('skipped by dana: its script is broken');
    for (const name of ['desk-1', 'desk-2']) {
      expect(endpointFacts(facts, name).outcome).toBe('patched');
      expect(stack.endpoint(name).version('cron')).toBe(knownVersion('cron'));
    }
  });
});
