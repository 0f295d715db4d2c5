import type { CycleFacts } from '../../domain/cycle-facts.ts';
import type { EndpointFacts } from '../../domain/endpoint-facts.ts';

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
