import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { agentActivities } from '../../../activities/site/agents.ts';
import { type AgentPort, AgentUnreachable } from '../../../activities/ports/agent.ts';
import type { ServiceState } from '../../../domain/endpoints/endpoint.ts';
import type { Evidence } from '../../../domain/endpoints/evidence.ts';
import type { OperationReport } from '../../../domain/endpoints/operation.ts';

const agent = { endpointId: 'till-1.acme', address: { host: '127.0.0.1', port: 7443 } };
const expectation = { services: ['web.service'], checks: [], settleSeconds: 60 };

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

test('an agent that stumbles once is there, and one that is silent twice is not', async () => {
  const silent = () => Promise.reject(new AgentUnreachable('The agent does not answer.'));
  const health = vi.fn<(asked: typeof agent) => Promise<object>>(async () => ({}));
  health.mockImplementationOnce(silent);
  health.mockImplementation(({ endpointId }) => (endpointId === 'off-1.acme' ? silent() : Promise.resolve({})));
  const activities = agentActivities({ health } as unknown as AgentPort);
  const agents = [agent, { ...agent, endpointId: 'off-1.acme' }];
  expect(await new MockActivityEnvironment().run(() => activities.endpointsThatAnswer({ agents }))).toEqual([
    'till-1.acme',
  ]);
});

describe('an operation that takes a while', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('is waited for by the attempt that submitted it, also while a rebooting agent is silent', async () => {
    const { outcome, seconds } = await carryOut((second) => {
      if (second === 2) throw new AgentUnreachable('The agent of till-1.acme cannot be reached.');
      return second < 5 ? 'running' : 'succeeded';
    });
    expect(outcome).toMatchObject({ state: 'succeeded' });
    expect(seconds).toBe(5);
  });

  test('gives its slot back after some seconds, and is asked for again', async () => {
    const { outcome, seconds } = await carryOut(() => 'running');
    expect(outcome).toMatchObject({ type: 'NotYet', nonRetryable: false });
    expect(seconds).toBeGreaterThanOrEqual(10);
    expect(seconds).toBeLessThanOrEqual(15);
  });
});

describe('an effect that was held up after the halts were read', () => {
  test.each([
    ['0.4 seconds is submitted', 400, 1],
    ['longer is not', 401, 0],
  ])('for %s', async (_, heldMilliseconds, times) => {
    const submit = vi.fn(async () => ({ state: 'succeeded', because: 'It has rebooted.' }));
    const activities = agentActivities({ submit } as unknown as AgentPort);
    const readAt = Date.parse('2026-11-22T22:00:00Z');
    const carriedOut = new MockActivityEnvironment({ scheduledTimestampMs: readAt + heldMilliseconds })
      .run(() => activities.carryOutOperation({ ...rebootOrder, permitAskedAt: readAt }))
      .catch((failure: unknown) => failure);
    const expected = times === 1 ? { state: 'succeeded' } : { type: 'PermitSpent', nonRetryable: true };
    expect(await carriedOut).toMatchObject(expected);
    expect(submit).toHaveBeenCalledTimes(times);
  });
});

const rebootOrder = {
  clientId: 'acme',
  cycleId: 'cycle/acme/tills/2026-11-22',
  step: 'reboot',
  planDigest: 'd',
  generation: 1,
  endpoint: agent,
  permit: { permitId: 'p', issuedAt: '2026-11-22T00:00:00Z' },
  body: { kind: 'reboot', leaveBootId: '11111111-1111-4111-8111-111111111111' },
} as const;

/** Submits a reboot on a clock of its own; `state` says how it stands at a second. `seconds`: when it was last asked for. */
async function carryOut(
  state: (second: number) => OperationReport['state'],
): Promise<{ readonly outcome: unknown; readonly seconds: number }> {
  const startedAt = Date.now();
  let seconds = 0;
  const ask = async () => {
    seconds = Math.round((Date.now() - startedAt) / 1000);
    return { state: state(seconds), because: 'It reboots.' };
  };
  const activities = agentActivities({ submit: ask, report: ask } as unknown as AgentPort);
  const carriedOut = new MockActivityEnvironment()
    .run(() => activities.carryOutOperation(rebootOrder))
    .catch((failure: unknown) => failure);
  await vi.advanceTimersByTimeAsync(60_000);
  return { outcome: await carriedOut, seconds };
}

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
