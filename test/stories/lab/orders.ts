import { beforeAll, describe, expect, it } from 'vitest';
import type { CycleFacts } from '../../../domain/reports/cycle-facts.ts';
import { endpointFacts } from '../../setup/stack/facts.ts';
import { quietSince } from '../../setup/stack/quiet-since.ts';
import { until } from '../../setup/until.ts';
import type { LabEndpoint } from '../../setup/lab/endpoint.ts';
import { goOnFile, patient, slow } from '../../setup/lab/planted-packages.ts';
import { type RunningLabStack, endpointNames, policy } from '../../setup/lab/running-cycles.ts';

/** One endpoint of each site at a time: an order finds some that have not started. */
const oneAtATime = { budget: '1 of site', sandbox: { required: false } };
const canary = 'far-1';
const halted = '3.0';
const shared = '4.0';

/** What people order while a cycle runs, and two cycles that want the same endpoints. */
export function describeOrders(stack: () => RunningLabStack): void {
  describe('a cycle that a person halts in the middle of a ring', () => {
    let cycleId: string;
    let facts: CycleFacts;
    let calledAt: number;

    beforeAll(async () => {
      await stack().plant(patient(halted, canary));
      await stack().allow(['pc-slow'], {
        ...oneAtATime,
        rings: [{ name: 'canary', take: 1, endpoints: canary }, { name: 'rest' }],
        gate: { soak: '1 second', atLeast: '1 verified', failuresAtMost: 0 },
      });
      cycleId = await stack().start(policy);
      const others = stack().endpoints.filter(({ name }) => name !== canary);
      await until(
        'an endpoint of the ring is in its install at either site',
        () => ['near', 'far'].every((site) => others.some(({ name }) => name.startsWith(site) && has(name, halted))),
        180,
      );
      calledAt = Date.now();
      const told = await stack().command('cycle', 'halt', cycleId, '--why', 'the phones are down', '--who', 'dana');
      expect(told).toMatchObject({ code: 0, err: '' });
      await Promise.all(others.map((endpoint) => endpoint.inside('touch', goOnFile)));
      facts = await until('what has started has ended', async () => {
        const now = await stack().ask<CycleFacts>('cycle', 'show', cycleId);
        const working = now.endpoints.some(({ startedAt, endedAt }) => startedAt !== null && endedAt === null);
        return !working && now;
      });
    });

    it('starts nothing more from two seconds after the command was called', () => {
      const { orderedAt = '' } = facts.orders.find(({ order }) => order === 'halt') ?? {};
      for (const endpoint of stack().endpoints) {
        const late = installs(endpoint, halted).filter(
          ({ startedAt }) => Date.parse(startedAt) > quietSince(calledAt, orderedAt),
        );
        expect(late).toEqual([]);
      }
      const untouched = endpointNames.filter((name) => !has(name, halted));
      expect(untouched.length).toBeGreaterThan(0);
      for (const name of untouched) expect(endpointFacts(facts, name)).toMatchObject({ outcome: null });
    });

    it('has brought to a proven end what had started', async () => {
      for (const endpoint of stack().endpoints.filter(({ name }) => has(name, halted))) {
        expect(endpointFacts(facts, endpoint.name).outcome).toBe('patched');
        expect(await endpoint.version('pc-slow')).toBe(halted);
      }
    });

    it('goes on where it was when it is resumed, and does nothing twice', async () => {
      const told = await stack().command('cycle', 'resume', cycleId, '--why', 'they ring again', '--who', 'dana');
      expect(told).toMatchObject({ code: 0, err: '' });
      facts = await stack().ended(cycleId);
      expect(facts.state).toBe('finished');
      for (const endpoint of stack().endpoints) {
        expect(endpointFacts(facts, endpoint.name).outcome).toBe('patched');
        expect(upgradesTo(endpoint, halted)).toHaveLength(1);
      }
    });

    it('puts a finished ring back when a person orders it, and no other', async () => {
      const endpoint = stack().endpoint(canary);
      const [bootId, generation] = [await endpoint.bootId(), endpoint.generation()];
      const why = 'its callers complain';
      const told = await stack().command(
        'cycle',
        'rollback',
        cycleId,
        '--ring',
        'canary',
        '--why',
        why,
        '--who',
        'dana',
      );
      expect(told).toMatchObject({ code: 0, err: '' });
      const recorded = await until('the ring is rolled back', async () => {
        const now = endpointFacts(await stack().ask<CycleFacts>('cycle', 'show', cycleId), canary);
        return now.outcome === 'rolled_back' && now;
      });
      expect(recorded.because.join('\n')).toContain(why);
      expect(await endpoint.version('pc-slow')).not.toBe(halted);
      expect(await endpoint.webAnswer()).toMatch(/^pc-web /);
      expect(await endpoint.bootId()).not.toBe(bootId);
      expect(endpoint.generation()).toBe(generation + 1);
      for (const other of stack().endpoints.filter(({ name }) => name !== canary))
        expect(await other.version('pc-slow')).toBe(halted);
    });
  });

  describe('two cycles that want the same endpoints, one of them cancelled', () => {
    let first: CycleFacts;
    let second: CycleFacts;

    beforeAll(async () => {
      await stack().plant(slow(shared));
      await stack().allow(['pc-slow'], { ...oneAtATime, rings: [{ name: 'all' }] });
      const [firstId, secondId] = [await stack().start(policy), await stack().start(policy)];
      await until('an endpoint is in its install', () => endpointNames.some((name) => has(name, shared)), 180);
      const told = await stack().command('cycle', 'cancel', secondId, '--why', 'one is enough', '--who', 'dana');
      expect(told).toMatchObject({ code: 0, err: '' });
      [first, second] = await Promise.all([stack().ended(firstId), stack().ended(secondId)]);
      // Who was silent when its turn came, because it started for the other cycle, is caught up.
      first = await until('everybody has come to an end', async () => {
        const facts = await stack().recorded(firstId);
        return facts.endpoints.every(({ outcome }) => outcome !== null) && facts;
      });
    });

    it('never disturb more endpoints of a site together than its budget allows', () => {
      for (const site of ['near', 'far']) {
        const spans = stack()
          .endpoints.filter(({ name }) => name.startsWith(site))
          .flatMap((endpoint) => installs(endpoint, shared))
          .toSorted((one, other) => one.startedAt.localeCompare(other.startedAt));
        // Whoever finds the other's work done installs nothing, and has the endpoint to itself all the same.
        expect(spans.length).toBeGreaterThanOrEqual(3);
        for (const [index, { startedAt }] of spans.entries())
          if (index > 0) expect(startedAt >= (spans[index - 1]?.endedAt ?? '~')).toBe(true);
      }
    });

    it('install each package once between them', async () => {
      expect(first.state).toBe('finished');
      for (const endpoint of stack().endpoints) {
        const { outcome, because } = endpointFacts(first, endpoint.name);
        expect(['patched', 'unchanged', 'superseded'], because.join('; ')).toContain(outcome);
        expect(upgradesTo(endpoint, shared), because.join('; ')).toHaveLength(1);
        expect(await endpoint.version('pc-slow')).toBe(shared);
      }
    });

    it('leave every endpoint of the cancelled one in a known state, and its record whole', () => {
      expect(second.state).toBe('cancelled');
      for (const { outcome, because } of second.endpoints) {
        expect(outcome).not.toBeNull();
        expect(because).not.toEqual([]);
      }
      expect(
        second.steps.filter(({ step }) => ['audit', 'report', 'review'].includes(step)).map(({ state }) => state),
      ).toEqual(['done', 'done', 'done']);
    });
  });

  function has(name: string, version: string): boolean {
    return upgradesTo(stack().endpoint(name), version).length > 0;
  }
}

function upgradesTo(endpoint: LabEndpoint, version: string): readonly string[] {
  return endpoint.upgrades().filter((line) => line.startsWith('pc-slow ') && line.endsWith(` ${version}`));
}

/** When its agent began and ended the installs of a version, by the agent's own ledger. */
function installs(
  endpoint: LabEndpoint,
  version: string,
): readonly { readonly startedAt: string; readonly endedAt: string | null }[] {
  return endpoint
    .ledger()
    .filter(({ body }) => body.kind === 'install' && body.patches.some((patch) => patch.to === version))
    .map(({ report }) => report);
}
