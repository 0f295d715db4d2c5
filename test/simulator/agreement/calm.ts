/** Scenarios that a real server can play too: whatever would hang on the second at which something happens is taken out. */
import type { EndpointFacts } from '../world/endpoints.ts';
import type { PublishedVersion } from '../world/releases.ts';
import { type Scenario, drawScenario } from '../world/scenario.ts';
import type { Policy } from '../../../domain/policies/policy.ts';

/** Few: a real server takes its time. */
const endpointsAtMost = 4;
const minute = 60_000;
/** What breaks in a soak breaks long before it ends. */
const breaksAfterMinutes = 4;
const soakMinutes = 15;

/** Of a seed: its fleet and policies, its bad patches, agents that lie, snapshots and restores that fail, power cuts. */
export function calmScenario(seed: number): Scenario {
  const drawn = drawScenario(seed, { endpointsAtMost });
  const [client] = drawn.clients;
  if (!client) throw new Error(`seed ${seed} has no client`);
  const clientId = client.client.id;
  return {
    ...drawn,
    endAt: drawn.startAt + 150 * minute,
    clients: [{ ...client, policies: client.policies.map(calmPolicy), endpoints: client.endpoints.map(calmEndpoint) }],
    releases: drawn.releases.map(calmRelease),
    cycles: drawn.cycles.filter(({ input }) => {
      return input.clientId === clientId && input.kind === 'standard' && input.number === 1;
    }),
    orders: [],
    mishaps: [],
    answersLost: 0,
    continueAsNewAfterEvents: 4096,
  };
}

function calmPolicy(policy: Policy): Policy {
  return {
    ...policy,
    gate: { ...policy.gate, soakMinutes },
    windows: 'always',
    changeApproval: null,
    deadlineDays: 0.05,
  };
}

function calmEndpoint(facts: EndpointFacts): EndpointFacts {
  const { faults } = facts;
  return {
    ...facts,
    installMilliseconds: Math.min(facts.installMilliseconds, minute / 2),
    faults: { ...faults, absences: [], hangs: [], lateMilliseconds: 250, settleMilliseconds: 500 },
  };
}

function calmRelease(release: PublishedVersion): PublishedVersion {
  return { ...release, newer: null, bad: release.bad && { ...release.bad, afterMinutes: breaksAfterMinutes } };
}
