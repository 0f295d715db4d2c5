import type { CycleFacts } from '../../../domain/reports/cycle-facts.ts';
import type { EndpointFacts } from '../../../domain/reports/endpoint-facts.ts';

/** What is recorded of one endpoint. */
export function endpointFacts(facts: CycleFacts, name: string): EndpointFacts {
  const endpoint = facts.endpoints.find((one) => one.endpoint === name);
  if (!endpoint) throw new Error(`${facts.cycleId} has no endpoint ${name}.`);
  return endpoint;
}

/** The upgrades that dpkg.log must name for what is recorded as installed: each package once. */
export function upgradesOf({ patches }: Pick<EndpointFacts, 'patches'>): readonly string[] {
  return patches
    .filter((patch) => patch.decision === 'approved')
    .map((patch) => `${patch.package} ${patch.from} ${patch.to}`)
    .toSorted();
}

/** How each endpoint ended: `web-1: patched`. */
export function outcomesOf({ endpoints }: CycleFacts): readonly string[] {
  return endpoints.map(({ endpoint, outcome }) => `${endpoint}: ${outcome}`);
}

/** What each gate said, in order: `canary: advance`. */
export function verdictsOf({ gates }: CycleFacts): readonly string[] {
  return gates.map(({ ring, verdict }) => `${ring}: ${verdict}`);
}
