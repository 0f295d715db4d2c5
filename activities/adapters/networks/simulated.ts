/** What answers on the networks of a simulated fleet. Nothing is sent anywhere: the process that runs the fleet knows. */
import { z } from 'zod';
import { ScanRefused } from '../../ports/network.ts';
import type { NetworkPort, Sighting } from '../../ports/network.ts';
import { FleetRefused, askFleet } from '../simulated-fleet.ts';

const sightingsSchema = z.object({
  sightings: z.array(
    z.object({ address: z.string(), macAddress: z.string().nullable() }) satisfies z.ZodType<Sighting>,
  ),
});

/**
 * Endpoints are seen under `HOST:PORT`, for they share one host. A network that is no site's is refused, routed or not.
 * @param socketPath the control socket in the fleet's directory
 */
export function simulatedNetwork(socketPath: string): NetworkPort {
  return {
    scan: async ({ cidr }, signal) => {
      const path = `sightings?network=${encodeURIComponent(cidr)}`;
      try {
        return (await askFleet(socketPath, { method: 'GET', path, signal }, sightingsSchema)).sightings;
      } catch (error) {
        if (error instanceof FleetRefused && error.status === 404) throw new ScanRefused(error.message);
        throw error;
      }
    },
  };
}
