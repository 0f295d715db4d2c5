import { beforeAll, describe, expect, it } from 'vitest';
import type { CycleFacts } from '../../../domain/reports/cycle-facts.ts';
import type { OperationKind } from '../../../domain/endpoints/operation.ts';
import { stackStatus } from '../../../embedded/supervisor.ts';
import { endpointFacts } from '../../setup/stack/facts.ts';
import { until } from '../../setup/until.ts';
import type { LabEndpoint } from '../../setup/lab/endpoint.ts';
import { slow } from '../../setup/lab/planted-packages.ts';
import { type RunningLabStack, near, nearEndpoints, policy } from '../../setup/lab/running-cycles.ts';

/** Kills the worker of a site once inside each of snapshot, install, reboot and restore. */
export function describeKilledWorker(stack: () => RunningLabStack): void {
  describe('a cycle whose site worker is killed in the middle of its acts', () => {
    const [breaking = '', snapshotting = '', installing = ''] = nearEndpoints;
    const worker = `worker-${near}`;
    let facts: CycleFacts;
    let generationBefore: number;

    beforeAll(async () => {
      await stack().plant(slow('2.0', [breaking]));
      await stack().allow(['pc-slow'], {
        rings: [
          { name: 'canary', take: 1, endpoints: snapshotting },
          { name: 'early', take: 1, endpoints: installing },
          { name: 'rest' },
        ],
        gate: { soak: '1 second', atLeast: '1 verified', failuresAtMost: 1 },
        reboot: 'always',
      });
      generationBefore = stack().endpoint(breaking).generation();
      const cycleId = await stack().start(policy);
      const [taking, upgraded] = [stack().endpoint(snapshotting), stack().endpoint(installing)];
      await killWhen('a snapshot is taken', () => taking.snapshots().some((name) => name.startsWith('.')));
      await killWhen('dpkg is in the middle of an install', () => dpkgIsBusy(upgraded));
      await killWhen('a reboot has begun', () => isRunning(upgraded, 'reboot'));
      await killWhen('an endpoint is rolled back', () => stack().endpoint(breaking).isBeingRestored());
      facts = await stack().ended(cycleId);
    });

    it('starts the worker again each time', async () => {
      const { processes } = await stack().status();
      expect(processes.find((one) => one.name === worker)).toMatchObject({ restarts: 4, state: 'ready' });
    });

    it('ends right: patched where nothing broke, rolled back where something did', async () => {
      expect(facts.state).toBe('finished');
      for (const endpoint of stack().endpoints) {
        const isBroken = endpoint.name === breaking;
        expect(endpointFacts(facts, endpoint.name).outcome).toBe(isBroken ? 'rolled_back' : 'patched');
        expect(await endpoint.version('pc-slow')).toBe(isBroken ? '1.0' : '2.0');
        expect(await endpoint.webAnswer()).toMatch(/^pc-web 1\./);
        expect(endpoint.snapshots().filter((name) => name.startsWith('.'))).toEqual([]);
      }
      expect(stack().endpoint(breaking).generation()).toBe(generationBefore + 1);
    });

    it('installs each package once', () => {
      for (const endpoint of stack().endpoints) {
        const expected = endpoint.name === breaking ? 0 : 1;
        expect(endpoint.upgrades().filter((line) => line === 'pc-slow 1.0 2.0')).toHaveLength(expected);
        for (const state of [endpoint, ...endpoint.failedStates()])
          expect(state.upgrades()).toEqual([...new Set(state.upgrades())]);
      }
      const failed = stack().endpoint(breaking).failedStates();
      expect(failed.filter((state) => state.upgrades().includes('pc-slow 1.0 2.0'))).toHaveLength(1);
    });

    async function killWhen(what: string, seen: () => boolean): Promise<void> {
      const { pid } = await until(`${worker} is ready`, () => workerRunning(), 120);
      await until(what, seen, 240);
      process.kill(pid, 'SIGKILL');
      await until(`${worker} is gone`, () => workerRunning()?.pid !== pid);
    }

    /** What `status --json` prints, read without starting a command: the next moment may be near. */
    function workerRunning(): { readonly pid: number } | null {
      const found = stackStatus(stack().stateDirectory).processes.find((one) => one.name === worker);
      return found?.state === 'ready' && found.pid ? { pid: found.pid } : null;
    }

    function isRunning(endpoint: LabEndpoint, kind: OperationKind): boolean {
      return endpoint.ledger().some(({ report }) => report.kind === kind && report.state === 'running');
    }

    function dpkgIsBusy(endpoint: LabEndpoint): boolean {
      return isRunning(endpoint, 'install') && endpoint.upgrades().includes('pc-slow 1.0 2.0');
    }
  });
}
