/** The simulated fleet for those who use it: the command line and the tests. */
import { z } from 'zod';
import { askFleet, pathOf } from '../../activities/adapters/simulated-fleet.ts';
import type { Sighting } from '../../activities/ports/network.ts';
import type { WrittenAgentConfiguration } from '../../protocol/enrolment.ts';
import type { ArchiveVersion } from './archive.ts';
import { writeJson } from './files.ts';
import { readFleet } from './fleet-plan.ts';
import type { PowerAction } from './hypervisor.ts';
import { fleetDirectory } from './layout.ts';
import type { MachineFaults } from './machine-state.ts';

export { fleetOf, prepareFleet } from './fleet-plan.ts';
export type { FleetOptions } from './fleet-plan.ts';
export { fleetDirectory } from './layout.ts';
export type { ArchiveVersion } from './archive.ts';

const machine = z.object({
  name: z.string(),
  power: z.enum(['on', 'off']),
  /** `does not come up`: it has power, and its boot never ends. */
  state: z.enum(['off', 'coming up', 'up', 'does not come up']),
  agentAnswers: z.boolean(),
  /** The machine's disk; `machine` and `dpkgLog` are files in it. */
  rootDirectory: z.string(),
  machine: z.string(),
  dpkgLog: z.string(),
});

const statusSchema = z.object({
  endpoints: z.array(
    machine.extend({
      site: z.string(),
      address: z.object({ host: z.string(), port: z.number() }),
      /** The name in the agent's certificate; null before it has one. */
      endpointId: z.string().nullable(),
    }),
  ),
  sandboxes: z.array(machine),
});
export type FleetStatus = z.infer<typeof statusSchema>;

const sightingsSchema = z.object({
  sightings: z.array(z.object({ address: z.string(), macAddress: z.string().nullable() })),
});
const nothing = z.object({});

/**
 * Writes what an endpoint's agent reads at its start. The address and the state directory are the fleet's to say, so
 * only the enrolment and the caller are taken. May be written before or after the fleet is started; an agent without it keeps trying.
 */
export function writeAgentConfiguration(
  directory: string,
  name: string,
  { enrolment, caller }: Pick<WrittenAgentConfiguration, 'enrolment' | 'caller'>,
): WrittenAgentConfiguration {
  const endpoint = readFleet(directory).endpoints.find((each) => each.name === name);
  if (endpoint === undefined) throw new Error(`The simulated fleet in ${directory} has no endpoint ${name}.`);
  const { configuration, stateDirectory } = fleetDirectory(directory).endpoint(name);
  const content: WrittenAgentConfiguration = { listen: endpoint.address, stateDirectory, caller, enrolment };
  writeJson(configuration, content);
  return content;
}

export type FleetClient = {
  status(): Promise<FleetStatus>;
  /** `cut` pulls the plug. Resolves when the order is carried out; a boot goes on after it. */
  power(endpointId: string, action: PowerAction): Promise<void>;
  setFaults(endpointId: string, faults: Partial<MachineFaults>): Promise<void>;
  /** Puts a version into the archives of the named endpoints, or of all. The same name and version takes its place. */
  publish(version: ArchiveVersion, endpoints?: readonly string[]): Promise<void>;
  /** What answers on a site's network now. */
  sightings(site: string): Promise<readonly Sighting[]>;
};

/**
 * A client of a running fleet's control API. Its calls reject with what the fleet says, or with a sentence that says
 * that no process runs it.
 */
export function fleetClient(directory: string): FleetClient {
  const { socket } = fleetDirectory(directory);
  return {
    status: () => askFleet(socket, { method: 'GET', path: 'status' }, statusSchema),
    power: async (endpointId, action) => {
      const path = pathOf('endpoints', endpointId, 'power');
      await askFleet(socket, { method: 'POST', path, body: { order: action } }, nothing);
    },
    setFaults: async (endpointId, faults) => {
      await askFleet(
        socket,
        { method: 'POST', path: pathOf('endpoints', endpointId, 'faults'), body: faults },
        nothing,
      );
    },
    publish: async (version, endpoints) => {
      await askFleet(socket, { method: 'POST', path: 'publish', body: { version, endpoints } }, nothing);
    },
    sightings: async (site) => {
      const network = readFleet(directory).networks[site];
      if (network === undefined) throw new Error(`The simulated fleet in ${directory} has no site ${site}.`);
      const path = `sightings?network=${encodeURIComponent(network)}`;
      return (await askFleet(socket, { method: 'GET', path }, sightingsSchema)).sightings;
    },
  };
}
