/** Looks at a site's networks. Runs in the site's worker, which stands on them. */
import { cancellationSignal } from '@temporalio/activity';
import type { NetworkPort, Sighting } from './ports/network.ts';

export function networkActivities(networks: NetworkPort) {
  return {
    async scanNetwork(network: { cidr: string; routed: boolean }): Promise<{
      readonly sightings: readonly Sighting[];
      readonly because: string;
    }> {
      const sightings = await networks.scan(network, cancellationSignal());
      return { sightings, because: `${sightings.length} answered on ${network.cidr}` };
    },
  };
}
