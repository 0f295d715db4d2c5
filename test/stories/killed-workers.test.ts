/** Workers that are killed in the middle of things. Each moment is chosen by watching for it, never by a clock. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { CycleFacts } from '../../domain/reports/cycle-facts.ts';
import { stackStatus } from '../../embedded/supervisor.ts';
import { endpointFacts, upgradesOf } from '../setup/stack/facts.ts';
import { type HeldInstall, heldInstall, installs } from '../setup/simulated/held-installs.ts';
import { archiveVersion } from '../setup/simulated/releases.ts';
import { type SlowHypervisor, slowHypervisor } from '../setup/simulated/slow-hypervisor.ts';
import { type RunningStack, startStack, storyTimes } from '../setup/stack/running-stack.ts';
import { until } from '../setup/until.ts';

vi.setConfig(storyTimes);

const site = 'tokyo';
const siteWorker = `worker-${site}`;
const controlWorker = 'worker-control';
/** One ring each, in this order: the last one's install fails, so that it is rolled back. */
const [first, second, sick] = ['calm-1', 'calm-2', 'sick-1'] as const;

let stack: RunningStack;
let facts: CycleFacts;
let hypervisor: SlowHypervisor;
let install: HeldInstall;

beforeAll(async () => {
  stack = await startStack({
    sites: [{ site, zone: 'Asia/Tokyo' }],
    endpoints: [first, second, sick].map((endpoint) => ({ endpoint, site, role: 'servers' })),
    policies: [
      {
        policy: 'servers',
        rings: [
          { name: 'one', take: 1, endpoints: first },
          { name: 'two', take: 1, endpoints: second },
          { name: 'rest' },
        ],
      },
    ],
  });
  const grep = archiveVersion('grep', '3.8-5+deb12u1', ['CVE-2026-70003']);
  install = heldInstall(stack, 'grep');
  await stack.fleet.publish({ ...grep, faults: { heldBy: install.heldBy } }, [first, second]);
  await stack.fleet.publish({ ...grep, faults: { failsConfigure: true } }, [sick]);
  // The longest plan of its segment: the sandbox is a clone of this one, where nothing fails.
  await stack.fleet.publish(archiveVersion('sed', '4.9-1+deb12u2', ['CVE-2026-70002']), [first]);
  hypervisor = await slowHypervisor(stack.fleetDirectory);
});
afterAll(async () => {
  hypervisor?.close();
  await stack?.close();
});

/** `kill -9` of a worker; settles when another one has taken its place. */
async function kill(name: string): Promise<void> {
  const find = () => stackStatus(stack.stateDirectory).processes.find((each) => each.name === name);
  const killed = find()?.pid;
  if (!killed) throw new Error(`${name} does not run.`);
  process.kill(killed, 'SIGKILL');
  await until(`${name} is back`, () => find()?.state === 'ready' && find()?.pid !== killed);
}

/** Activities of an endpoint's workflow that a worker is at. */
async function underWay(name: string): Promise<readonly string[]> {
  const { raw } = await stack.temporal.workflow.getHandle(`endpoint/acme/${name}.acme`).describe();
  return (raw.pendingActivities ?? []).flatMap((activity) => activity.activityType?.name ?? []);
}

function reboots(name: string) {
  return stack
    .endpoint(name)
    .ledger()
    .some(({ report }) => report.kind === 'reboot' && report.state === 'running');
}

test('killed once inside each of snapshot, install, reboot and restore, workers go on and the cycle ends right', async () => {
  const snapshot = hypervisor.hold('PUT', new RegExp(`/endpoints/${first}.acme/snapshots/`));
  const restore = hypervisor.hold('POST', new RegExp(`/endpoints/${sick}.acme/snapshots/.*/restore$`));
  const cycleId = await stack.start('servers');

  await snapshot.done;
  expect(await underWay(first)).toEqual(['takeSnapshot']);
  await kill(controlWorker);
  await kill(siteWorker);
  install.hold();
  snapshot.letGo();

  await until(`${first} installs`, () => installs(stack, first));
  await kill(siteWorker);
  install.letGo();
  await until(`${first} reboots`, () => reboots(first));
  install.hold();
  await kill(siteWorker);

  await until(`${second} installs`, () => installs(stack, second));
  await kill(controlWorker);
  install.letGo();
  await until(`${second} reboots`, () => reboots(second));
  await kill(controlWorker);

  await restore.done;
  expect(await underWay(sick)).toEqual(['restoreSnapshot']);
  await kill(controlWorker);
  await kill(siteWorker);
  restore.letGo();

  facts = await stack.ended(cycleId);
  expect(facts.steps.map((step) => step.state)).not.toContain('failed');
  for (const name of [first, second]) {
    const endpoint = endpointFacts(facts, name);
    const disk = stack.endpoint(name);
    expect(endpoint.outcome).toBe('patched');
    expect(endpoint.patches.length).toBeGreaterThan(5);
    expect(disk.upgrades().toSorted()).toEqual(upgradesOf(endpoint));
    expect(disk.snapshots()).toHaveLength(1);
    const acts = disk.ledger().map((entry) => entry.report.kind);
    expect(acts.filter((kind) => kind !== 'prefetch').toSorted()).toEqual(['install', 'reboot']);
  }
});

test('an endpoint that was rolled back while workers were killed was rolled back once, and is as it was', () => {
  expect(facts.gates.map((gate) => gate.verdict)).toEqual(['advance', 'advance', 'halt']);
  const endpoint = endpointFacts(facts, sick);
  const disk = stack.endpoint(sick);
  expect(endpoint.outcome).toBe('rolled_back');
  expect(disk.upgrades()).toEqual([]);
  expect(disk.generation()).toBe(2);
  expect(disk.failedStates().map((failed) => failed.upgrades().toSorted())).toEqual([upgradesOf(endpoint)]);
});
