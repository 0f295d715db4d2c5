import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { agentActivities } from '../../activities/agents.ts';
import type { AgentPort } from '../../activities/ports/agent.ts';
import type { ServiceState } from '../../domain/endpoint.ts';
import type { Evidence } from '../../domain/evidence.ts';

const agent = { endpointId: 'till-1.acme', address: { host: '127.0.0.1', port: 7443 } };
const expectation = { services: ['web.service'], checks: [], settleSeconds: 60, rebootSettles: false };

describe('an endpoint whose service worked before', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test.each<[ServiceState['state'], number, number]>([
    ['failed', 10, 15],
    ['restarting', 60, 65],
    ['stopped', 60, 65],
  ])('is observed again while it is %s, for %d seconds and not much longer', async (state, atLeast, atMost) => {
    const { seconds, evidence } = await observeUntilSettled(() => state);
    expect(evidence.services).toEqual([{ service: 'web.service', state }]);
    expect(seconds).toBeGreaterThanOrEqual(atLeast);
    expect(seconds).toBeLessThanOrEqual(atMost);
  });

  test('is observed until it works, whatever it was at first', async () => {
    const { seconds } = await observeUntilSettled((second) => (second < 5 ? 'failed' : 'running'));
    expect(seconds).toBe(5);
  });
});

/** Observes on a clock of its own; `state` says what the service is at a second. `seconds`: when it was last observed. */
async function observeUntilSettled(
  state: (second: number) => ServiceState['state'],
): Promise<{ readonly seconds: number; readonly evidence: Evidence }> {
  const startedAt = Date.now();
  let seconds = 0;
  const observe = () => {
    seconds = Math.round((Date.now() - startedAt) / 1000);
    return Promise.resolve({ services: [{ service: 'web.service', state: state(seconds) }], checks: [] });
  };
  const activities = agentActivities({ observe } as unknown as AgentPort);
  const asked = { agent, packages: [], checks: [], expect: expectation };
  const observed = new MockActivityEnvironment().run(() => activities.observeEndpoint(asked));
  await vi.advanceTimersByTimeAsync(120_000);
  return { evidence: (await observed) as Evidence, seconds };
}
