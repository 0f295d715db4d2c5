/** A whole cycle over a small fleet, from its start to the one endpoint that came late. */
import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { agentVersion } from '../../agent/version.ts';
import type { CycleFacts } from '../../domain/reports/cycle-facts.ts';
import { endpointFacts, upgradesOf } from '../setup/stack/facts.ts';
import { type RunningStack, startStack, storyTimes } from '../setup/stack/running-stack.ts';
import { until } from '../setup/until.ts';

vi.setConfig(storyTimes);

/** Neither zone changes its clocks, and neither is in the other's day. */
const near = { site: 'tokyo', zone: 'Asia/Tokyo' };
const far = { site: 'phoenix', zone: 'America/Phoenix' };
const online = ['web-1', 'web-2', 'web-3', 'app-1', 'app-2'];
const off = 'laptop-1';

let stack: RunningStack;
let facts: CycleFacts;
/** The far site's next window. By the near site's clocks it was hours ago. */
let windowOpensAt: DateTime;

beforeAll(async () => {
  stack = await startStack({
    sites: [near, far],
    endpoints: [
      ...online.map((endpoint) => ({ endpoint, site: near.site, role: 'servers', criticality: 'low' as const })),
      { endpoint: off, site: far.site, role: 'servers' },
    ],
    policies: [{ policy: 'servers' }],
  });
  await stack.fleet.power(off, 'off');
});
afterAll(() => stack?.close());

test('a cycle ends with every endpoint that can be reached at the planned versions, each upgraded once', async () => {
  windowOpensAt = DateTime.utc().plus({ seconds: 45 }).startOf('minute').plus({ minutes: 1 });
  const opens = windowOpensAt.setZone(far.zone).toFormat('yyyy-MM-dd HH:mm');
  const someday = DateTime.utc().plus({ days: 20 }).toFormat('yyyy-MM-dd 02:00');
  const windows = [
    { opens, lasts: '2 hours' },
    { opens: someday, lasts: '4 hours' },
  ];
  await stack.apply({ policy: 'servers', windows });
  const cycleId = await stack.start('servers');
  await until('the rollout waits for a window', async () =>
    (await stack.recorded(cycleId)).endpoints.some((one) => one.waitingFor === 'window'),
  );
  expect(online.flatMap((name) => stack.endpoint(name).upgrades())).toEqual([]);
  const opened = await stack.command('window', 'open', cycleId, '--site', near.site, '--why', 'the story is now');
  expect(opened).toMatchObject({ code: 0 });

  facts = await stack.ended(cycleId);
  expect(facts.state).toBe('finished');
  for (const name of online) {
    const endpoint = endpointFacts(facts, name);
    const disk = stack.endpoint(name);
    expect(endpoint.outcome, endpoint.because.join('; ')).toBe('patched');
    expect(endpoint.patches.length).toBeGreaterThan(5);
    expect(disk.upgrades().toSorted()).toEqual(upgradesOf(endpoint));
    for (const patch of endpoint.patches) expect(disk.version(patch.package)).toBe(patch.to);
  }
});

test('the endpoint that is off is reported as waiting to come back, and not as done', () => {
  expect(endpointFacts(facts, off)).toMatchObject({ outcome: null, waitingFor: 'offline' });
  expect(facts.figures.endpoints).toMatchObject({ total: 6, patched: 5, waiting: 1 });
  expect(facts.discovery.silent.map((one) => one.endpoint)).toEqual([off]);
  expect(stack.endpoint(off).upgrades()).toEqual([]);
});

test('the record names the agent of each endpoint that answered, and the Node that runs it', () => {
  const agent = { version: agentVersion, runtimeVersion: process.versions.node };
  for (const name of online) expect(endpointFacts(facts, name).agent).toEqual(agent);
  expect(endpointFacts(facts, off).agent).toBeNull();
});

test('the thing on the network that nobody manages is named', () => {
  expect(facts.discovery.unmanaged.map(({ site, address }) => [site, address])).toEqual([[near.site, '10.77.1.200']]);
});

test('the endpoint that was off is caught up when it is back, in its own window, and ends patched', async () => {
  await stack.fleet.power(off, 'on');
  await stack.temporal.workflow.getHandle(`catch-up/${facts.cycleId}/${off}.acme`).result();
  const endpoint = endpointFacts(await stack.ask<CycleFacts>('cycle', 'show', facts.cycleId), off);
  expect(endpoint.outcome).toBe('patched');
  expect(Date.parse(endpoint.startedAt ?? '')).toBeGreaterThanOrEqual(windowOpensAt.toMillis());
  const disk = stack.endpoint(off);
  expect(endpoint.patches.length).toBeGreaterThan(5);
  expect(disk.upgrades().toSorted()).toEqual(upgradesOf(endpoint));
  for (const patch of endpoint.patches) expect(disk.version(patch.package)).toBe(patch.to);
});
