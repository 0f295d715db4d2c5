/** Looks at a site's networks. Runs in the site's worker, which stands on them. */
import { cancellationSignal } from '@temporalio/activity';
import type { NetworkPort, Sighting } from '../ports/network.ts';
import { bound } from '../bound.ts';

export function networkActivities(ports: NetworkPort) {
  return bound(ports, {
    scanNetwork,
  });
}

async function scanNetwork(
  networks: NetworkPort,
  network: { cidr: string; routed: boolean },
): Promise<{
  readonly sightings: readonly Sighting[];
  readonly because: string;
}> {
  const sightings = await networks.scan(network, cancellationSignal());
  return { sightings, because: `${sightings.length} answered on ${network.cidr}` };
}
