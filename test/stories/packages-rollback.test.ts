/** Endpoints whose client data must survive: packages alone are rolled back, and what cannot be is a person's. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CycleFacts } from '../../domain/reports/cycle-facts.ts';
import { succeed } from '../setup/stack/command.ts';
import { endpointFacts, upgradesOf } from '../setup/stack/facts.ts';
import { knownVersion, archiveVersion } from '../setup/simulated/releases.ts';
import { type RunningStack, startStack, storyTimes } from '../setup/stack/running-stack.ts';
import { until } from '../setup/until.ts';

vi.setConfig(storyTimes);

const site = 'tokyo';
/** The first one gets everything; of the second the patch fails, and of the third the rollback as well. */
const [well, sick, lost] = ['erp-1', 'erp-2', 'erp-3'] as const;
const newVersion = '3.8-5+deb12u1';
const oldVersion = knownVersion('grep');

let stack: RunningStack;
let facts: CycleFacts;

/** Whoever is drawn for a ring differs from cycle to cycle: here it is named. */
const beginningWith = (name: string) => ({
  policy: 'erp',
  rollback: 'packages',
  rings: [{ name: 'one', take: 1, endpoints: name }, { name: 'rest' }],
});

beforeAll(async () => {
  stack = await startStack({
    sites: [{ site, zone: 'Asia/Tokyo' }],
    endpoints: [well, sick, lost].map((endpoint) => ({ endpoint, site, role: 'erp' })),
    policies: [beginningWith(well)],
  });
  const grep = archiveVersion('grep', newVersion, ['CVE-2026-70003']);
  await stack.fleet.publish(grep, [well]);
  await stack.fleet.publish({ ...grep, faults: { failsConfigure: true } }, [sick, lost]);
  await stack.fleet.publish({ ...archiveVersion('grep', oldVersion, []), faults: { failsConfigure: true } }, [lost]);
  // The longest plan of its segment: the sandbox is a clone of this one, where nothing fails.
  await stack.fleet.publish(archiveVersion('sed', '4.9-1+deb12u2', ['CVE-2026-70002']), [well]);
  facts = await stack.run('erp');
});
afterAll(() => stack?.close());

describe('an endpoint whose patch fails', () => {
  test('has exactly the versions from before, and every service that ran', () => {
    const endpoint = endpointFacts(facts, sick);
    const disk = stack.endpoint(sick);
    expect(endpoint.outcome).toBe('rolled_back');
    for (const patch of endpoint.patches)
      expect([patch.package, disk.version(patch.package)]).toEqual([patch.package, patch.from ?? undefined]);
    expect(disk.state().packages.map((each) => each.status)).not.toContain('half-configured');
    expect(
      disk
        .state()
        .services.filter((service) => service.service !== 'init')
        .map((service) => service.state),
    ).not.toContain('failed');
  });

  test('is the same machine as before: nothing but packages was taken back', () => {
    const disk = stack.endpoint(sick);
    expect(disk.generation()).toBe(1);
    expect(disk.failedStates()).toEqual([]);
    expect(disk.snapshots()).toHaveLength(1);
    const acts = disk.ledger().map((entry) => entry.report.kind);
    expect(acts).toContain('install');
    expect(acts.filter((kind) => kind === 'roll back packages')).toHaveLength(1);
    expect(disk.dpkgLog()).toContain(`upgrade grep:amd64 ${newVersion} ${oldVersion}`);
  });
});

describe('an endpoint whose packages cannot be rolled back either', () => {
  test('is quarantined with its snapshot kept, since no policy allows to restore its machine', () => {
    const endpoint = endpointFacts(facts, lost);
    const disk = stack.endpoint(lost);
    expect(endpoint.outcome).toBe('quarantined');
    expect(endpoint.because.join('\n')).toContain('grep is not installed, and was');
    expect(disk.generation()).toBe(1);
    expect(disk.failedStates()).toEqual([]);
    expect(disk.snapshots()).toHaveLength(1);
  });

  test('is shown as needing a person until somebody has repaired it', async () => {
    const { endpoints } = await stack.ask<{
      endpoints: { name: string; personNeeded: { because: string[] } | null }[];
    }>('endpoint', 'list');
    const needed = endpoints.filter((endpoint) => endpoint.personNeeded !== null);
    expect(needed.map((endpoint) => endpoint.name)).toEqual([lost]);
    expect(needed[0]?.personNeeded?.because.join('\n')).toContain('grep');
    const shown = await stack.command('cycle', 'show', facts.cycleId);
    expect(shown.out).toContain(`Needs a person:`);
    const query = `CycleId = '${facts.cycleId}' AND Outcome = 'quarantined'`;
    await until('Temporal knows whose end is quarantined', async () => {
      for await (const workflow of stack.temporal.workflow.list({ query }))
        if (workflow.workflowId === `endpoint/acme/${lost}.acme`) return true;
      return false;
    });
  });
});

test('a person rolls a patched one back by order: by its packages, proven, and with who and why', async () => {
  const disk = stack.endpoint(well);
  const patched = endpointFacts(facts, well);
  expect(patched.outcome).toBe('patched');
  expect(disk.upgrades().toSorted()).toEqual(upgradesOf(patched));
  const order = ['--endpoint', well, '--who', 'dana', '--why', 'the ERP prints no invoices'];
  succeed(await stack.command('cycle', 'rollback', facts.cycleId, ...order), 'cycle rollback');
  await until(`${well} is rolled back`, async () => {
    const shown = await stack.recorded(facts.cycleId);
    return endpointFacts(shown, well).outcome === 'rolled_back';
  });
  for (const patch of patched.patches)
    expect([patch.package, disk.version(patch.package)]).toEqual([patch.package, patch.from ?? undefined]);
  expect(disk.generation()).toBe(1);
  expect(disk.state().heldPackages.length).toBe(patched.patches.filter((patch) => patch.from !== null).length);
  const shown = await stack.ask<CycleFacts>('cycle', 'show', facts.cycleId);
  expect(endpointFacts(shown, well).because[0]).toBe('rolled back by order of dana: the ERP prints no invoices');
});

test('the next cycle does not bring back what is held, and brings the rest', async () => {
  const disk = stack.endpoint(sick);
  expect(disk.state().heldPackages).toEqual(['grep']);
  expect(endpointFacts(facts, sick).because.join('\n')).toContain('held at them until a person lets go: grep');
  await stack.apply(beginningWith(sick));
  const next = await stack.run('erp');
  const endpoint = endpointFacts(next, sick);
  expect(endpoint.outcome, endpoint.because.join('; ')).toBe('patched');
  expect(endpoint.patches.map((patch) => patch.package)).not.toContain('grep');
  expect(endpoint.patches.length).toBeGreaterThan(5);
  expect(disk.version('grep')).toBe(oldVersion);
});

test('an endpoint that a person has repaired is released by name, with who and why, and no other is', async () => {
  const release = (name: string, why = 'its disk was replaced') =>
    stack.command('endpoint', 'release', name, '--why', why, '--who', 'dana');
  expect(await release(sick)).toMatchObject({
    code: 1,
    err: expect.stringContaining(`${sick} is not quarantined`) as string,
  });
  expect(await release('erp-9')).toMatchObject({ code: 2 });
  expect(await release(lost, ' ')).toMatchObject({ code: 2 });
  expect(await release(lost)).toMatchObject({ code: 0 });
  const { endpoints } = await stack.ask<{ endpoints: { personNeeded: object | null }[] }>('endpoint', 'list');
  expect(endpoints.map((endpoint) => endpoint.personNeeded)).toEqual([null, null, null]);
  const why = await stack.command('why', lost, '--cycle', facts.cycleId);
  expect(why.out).toContain('was quarantined, released by a person');
  expect(why.out).toMatch(/release of endpoint erp-3 by dana at .*: its disk was replaced/);
});
