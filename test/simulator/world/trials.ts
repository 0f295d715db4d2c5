/** Scenarios that are made to bring about what is rare. */
import type { Policy } from '../../../domain/policies/policy.ts';
import { type CycleStart, again, emergencyFor } from './cycles.ts';
import type { EndpointFacts } from './endpoints.ts';
import { securityOrigin } from './releases.ts';
import type { Scenario } from './scenario.ts';

/** From so many endpoints on, orders of them do not come about twice by chance; and so many are enough. */
const alike = { least: 9, most: 15 };

/**
 * A client's cycle twice at once, over endpoints that are all alike: the lot alone says who goes first, each time drawn
 * again.
 */
export function twiceAtOnce(scenario: Scenario): Scenario {
  const fitting = scenario.clients.filter(({ endpoints }) => {
    return endpoints.length >= alike.least && endpoints.length <= alike.most;
  });
  const twice = new Set(fitting.map(({ client }) => client.id));
  const ordinary = (each: EndpointFacts): EndpointFacts => ({
    ...each,
    stated: { ...each.stated, criticality: 'medium', redundancyGroup: null },
  });
  return {
    ...scenario,
    clients: scenario.clients.map((client) =>
      twice.has(client.client.id) ? { ...client, endpoints: client.endpoints.map(ordinary) } : client,
    ),
    cycles: scenario.cycles.flatMap((start) => (twice.has(start.input.clientId) ? again(start, 20_000) : [start])),
  };
}

/**
 * An emergency comes while cycles work their way through sites that bear little: at every start somebody goes first.
 */
export function rush(scenario: Scenario): Scenario {
  const [advisory] = scenario.releases.flatMap(({ cves }) => cves);
  if (!advisory) return scenario;
  const narrow = (policy: Policy): Policy => ({
    ...policy,
    mode: 'patch',
    rings: [{ name: 'rest', take: 'rest', segments: null, endpoints: [] }],
    budget: { count: 1 },
    windows: 'always',
    sandbox: { required: false },
    changeApproval: null,
    emergency: { soakMinutes: 1, windows: 'always', changeApproval: null },
  });
  return {
    ...scenario,
    clients: scenario.clients.map((client) => ({ ...client, policies: client.policies.map(narrow) })),
    cycles: scenario.cycles.flatMap(({ at, input }) => {
      if (input.kind === 'emergency' || input.number > 1) return [];
      if (input.policyName !== 'servers') return [{ at, input }];
      return [
        { at, input },
        { at: at + 2 * 60_000, input: emergencyFor(input, advisory) },
      ];
    }),
  };
}

/**
 * One patch is bad everywhere, and gates and policies let it come far: only the breaker stands between it and everyone.
 */
export function outbreak(scenario: Scenario): Scenario {
  const [worst, ...others] = scenario.releases;
  if (!worst) return scenario;
  const bad = { shape: 'configure', share: 1, afterMinutes: 1 } as const;
  const lenient = (policy: Policy): Policy => ({
    ...policy,
    mode: 'patch',
    approve: [{ class: 'security', severity: null, delayMinutes: 0 }],
    gate: { ...policy.gate, failuresAtMost: 50, failurePercentAtMost: null },
    budget: { count: 50 },
    windows: 'always',
    sandbox: { required: false },
    changeApproval: null,
  });
  return {
    ...scenario,
    releases: [{ ...worst, origin: securityOrigin, removes: [], downgrades: [], bad }, ...others],
    clients: scenario.clients.map((client) => ({ ...client, policies: client.policies.map(lenient) })),
    cycles: scenario.cycles.flatMap(inTurnAndAgain(scenario.startAt)),
    orders: scenario.orders.filter(({ order }) => order === 'approve' || order === 'advance'),
  };
}

/**
 * One client's cycle after another's, so that the later ones could learn from the first; and each client tries again.
 */
function inTurnAndAgain(startAt: number) {
  return ({ input }: CycleStart, index: number): CycleStart[] => {
    const at = startAt + (1 + index * 6) * 60_000;
    return input.kind === 'emergency' ? [] : again({ at, input }, 50 * 60_000);
  };
}
