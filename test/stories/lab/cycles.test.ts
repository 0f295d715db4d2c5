/**
 * Whole cycles over real Debian endpoints, one after another on one stack. What is done is done through the product;
 * what came of it is seen by dpkg's own database and log, by the service's own answer, and by boot ids.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CycleFacts } from '../../../domain/reports/cycle-facts.ts';
import { power } from '../../../fleets/lab/machine.ts';
import { reportNames } from '../../../reports/files.ts';
import { endpointFacts, upgradesOf } from '../../setup/stack/facts.ts';
import { describeEmergency } from './emergency.ts';
import { describeKilledWorker } from './killed-worker.ts';
import { describeWhereLabCanBe, wholeLabTimes } from '../../setup/lab/in-lab.ts';
import { describeOrders } from './orders.ts';
import { slow, web } from '../../setup/lab/planted-packages.ts';
import { type RunningLabStack, near, nearEndpoints, policy, startLabStack } from '../../setup/lab/running-cycles.ts';

vi.setConfig(wholeLabTimes);

const plain = (name: string, version: string) => ({ package: name, version });
const oneByOne = [
  { name: 'canary', take: 1, endpoints: 'near-1' },
  { name: 'early', take: 1, endpoints: 'near-2' },
  { name: 'rest' },
];
const off = 'far-3';

describeWhereLabCanBe('patch cycles over real endpoints', () => {
  let stack: RunningLabStack;

  beforeAll(async () => {
    stack = await startLabStack([
      web('1.0'),
      slow('1.0'),
      ...['pc-fails', 'pc-remover', 'pc-victim'].map((name) => plain(name, '1.0')),
    ]);
  });
  afterAll(() => stack?.close());

  describe('a cycle over six endpoints, one of them off, with two bad versions in its patch set', () => {
    const due = ['pc-web', 'liblzma5', 'libbrotli1'];
    const online = () => stack.endpoints.filter((endpoint) => endpoint.name !== off);
    let facts: CycleFacts;

    beforeAll(async () => {
      await stack.plant(
        web('1.1'),
        { ...plain('pc-fails', '2.0'), configure: ['exit 1'] },
        { ...plain('pc-remover', '2.0'), conflicts: ['pc-victim'] },
      );
      await power(stack.labDirectory, off, 'off');
      await stack.allow([...due, 'pc-fails', 'pc-remover']);
      facts = await stack.run(policy);
    });

    it('ends with every endpoint that can be reached at the planned versions', async () => {
      expect(facts.state).toBe('finished');
      for (const endpoint of online()) {
        const recorded = endpointFacts(facts, endpoint.name);
        expect(recorded.outcome).toBe('patched');
        expect(endpoint.upgrades().toSorted()).toEqual(upgradesOf(recorded));
        const planned = recorded.patches.filter((patch) => patch.decision === 'approved');
        expect(planned.map((patch) => patch.package).toSorted()).toEqual(due.toSorted());
        for (const patch of planned) expect(await endpoint.version(patch.package)).toBe(patch.to);
        expect(await endpoint.webAnswer()).toBe('pc-web 1.1');
      }
    });

    it('says that the one that is off waits, and not that it is done', () => {
      expect(endpointFacts(facts, off)).toMatchObject({ outcome: null, waitingFor: 'offline' });
      expect(facts.figures.endpoints).toMatchObject({ total: 6, patched: 5, waiting: 1 });
      expect(facts.discovery.silent.map((one) => one.endpoint)).toEqual([off]);
      expect(stack.endpoint(off).upgrades()).toEqual([]);
    });

    it('names the thing on the network that nobody manages', () => {
      expect(facts.discovery.unmanaged.map(({ site, address }) => [site, address])).toEqual([[near, '10.77.1.99']]);
    });

    it('keeps the one that fails in the sandbox from every endpoint', async () => {
      expect(facts.patchSet.find((patch) => patch.package === 'pc-fails')).toMatchObject({
        decision: 'dropped',
        because: expect.arrayContaining([expect.stringContaining('failed its test on a clone')]) as string[],
      });
      for (const endpoint of online()) {
        expect(endpoint.dpkgLog()).not.toMatch(/ pc-fails:all .*2\.0/);
        expect(await endpoint.version('pc-fails')).toBe('1.0');
      }
    });

    it('does not install the one whose upgrade would remove another, and says why', async () => {
      for (const endpoint of online()) {
        expect(endpoint.dpkgLog()).not.toContain(' remove ');
        expect(await endpoint.version('pc-remover')).toBe('1.0');
        expect(await endpoint.version('pc-victim')).toBe('1.0');
        expect(
          endpointFacts(facts, endpoint.name).patches.find((patch) => patch.package === 'pc-remover'),
        ).toMatchObject({
          decision: 'dropped',
          because: expect.stringContaining('would remove pc-victim') as string,
        });
      }
      const why = await stack.ask<{ because: string[] }>('why', 'far-1', 'pc-remover');
      expect(why.because.join('\n')).toContain('would remove pc-victim');
    });

    it('catches the one that was off up when it is back', async () => {
      await power(stack.labDirectory, off, 'on');
      await stack.temporal.workflow.getHandle(`catch-up/${facts.cycleId}/${off}.acme`).result();
      const recorded = endpointFacts(await stack.ask<CycleFacts>('cycle', 'show', facts.cycleId), off);
      const endpoint = stack.endpoint(off);
      expect(recorded.outcome).toBe('patched');
      expect(endpoint.upgrades().toSorted()).toEqual(upgradesOf(recorded));
      for (const name of due) expect(endpoint.upgrades().join()).toContain(`${name} `);
      expect(await endpoint.webAnswer()).toBe('pc-web 1.1');
    });
  });

  describe('a version that breaks its service on the first endpoint that gets it', () => {
    const [first = '', ...later] = nearEndpoints;
    let facts: CycleFacts;
    let bootIdBefore: string;

    beforeAll(async () => {
      await stack.plant(web('2.0', [first]));
      await stack.allow(['pc-web'], { rings: oneByOne });
      bootIdBefore = await stack.endpoint(first).bootId();
      facts = await stack.run(policy);
    });

    it('is taken back there: old version, service answering, another boot, the next generation', async () => {
      const endpoint = stack.endpoint(first);
      expect(endpointFacts(facts, first).outcome).toBe('rolled_back');
      expect(await endpoint.version('pc-web')).toBe('1.1');
      expect(await endpoint.webAnswer()).toBe('pc-web 1.1');
      expect(await endpoint.bootId()).not.toBe(bootIdBefore);
      expect(endpoint.generation()).toBe(2);
      expect(endpoint.upgrades()).not.toContain('pc-web 1.1 2.0');
      expect(endpoint.failedStates().map((failed) => failed.upgrades().at(-1))).toEqual(['pc-web 1.1 2.0']);
    });

    it('stops its ring, and the later rings are untouched', () => {
      expect(facts.state).toBe('halted');
      expect(facts.gates.map(({ ring, verdict }) => [ring, verdict])).toEqual([['canary', 'halt']]);
      for (const name of [...later, 'far-1', 'far-2', 'far-3']) {
        expect(endpointFacts(facts, name)).toMatchObject({ outcome: 'skipped', startedAt: null });
        expect(stack.endpoint(name).dpkgLog()).not.toContain(' 2.0');
        expect(stack.endpoint(name).generation()).toBe(1);
      }
    });

    it('is what the report and why name as the reason', async () => {
      const json = join(stack.stateDirectory, 'reports', reportNames(facts.cycleId).json);
      const report = JSON.parse(readFileSync(json, 'utf8')) as CycleFacts;
      const reason = 'service pc-web.service ran before and is failed now';
      expect(endpointFacts(report, first).because.join('\n')).toContain(reason);
      expect(report.gates[0]?.because.join('\n')).toContain(first);
      const why = (await stack.ask<{ because: string[] }>('why', first)).because.join('\n');
      expect(why).toContain(`${first} at ${near}: rolled back`);
      expect(why).toContain(reason);
      expect(why).toContain('gate of ring canary: halt');
    });

    it('is refused by its agent when the failed install comes a second time, late', async () => {
      const endpoint = stack.endpoint(first);
      const install = endpoint
        .failedStates()
        .flatMap((failed) => failed.ledger())
        .find(({ body }) => body.kind === 'install' && body.patches.some((patch) => patch.to === '2.0'));
      if (!install) throw new Error('the failed state knows of no install');
      const { body, permit, report } = install;
      const { operationId, generation } = report;
      const again = stack.withAgent(first, (agents, agent) =>
        agents.submit(agent, { operationId, generation, permit, body }),
      );
      await expect(again).rejects.toMatchObject({ code: 'older generation', status: 409 });
      expect(await endpoint.version('pc-web')).toBe('1.1');
    });
  });

  describeKilledWorker(() => stack);
  describeEmergency(() => stack);
  describeOrders(() => stack);
});
