import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { identityFiles } from '../agent/identity.ts';
import {
  fleetClient,
  fleetDirectory,
  fleetOf,
  prepareFleet,
  writeAgentConfiguration,
} from '../tools/simulated-fleet/fleet.ts';
import { readFleet } from '../tools/simulated-fleet/fleet-plan.ts';
import { nodeArgv } from './embedded/supervisor.ts';
import { z } from 'zod';
import { anyFreePort } from './embedded/ports.ts';
import { readStateFile, writeStateFile } from './embedded/state-file.ts';
import type { Fleet } from './fleet.ts';

const portsSchema = z.record(z.string(), z.number());

/** The same agent program over simulated machines, all in one process: for any laptop. */
export function simulatedFleet(stateDirectory: string): Fleet {
  const directory = join(stateDirectory, 'simulated-fleet');
  const portsFile = join(stateDirectory, 'enrolment-ports.json');
  return {
    kind: 'simulated',
    words: 'simulated machines, each with the real agent program',
    reference: `simulated:${directory}`,
    async up(files) {
      await prepareFleet({ directory, ...fleetOf(files) });
    },
    processes: () => [
      {
        name: 'simulated-fleet',
        argv: nodeArgv(new URL('../tools/simulated-fleet/main.ts', import.meta.url), directory),
        environment: {},
        ready: { when: 'log says', text: 'The simulated fleet answers' },
        stopWithinSeconds: 10,
      },
    ],
    commandInSite: () => [],
    openPassage: async () => undefined,
    async enrolmentAddress(site) {
      const ports = readStateFile(portsFile, portsSchema) ?? {};
      // Kept: agents that have not enrolled yet were told this port.
      const port = ports[site] ?? (await anyFreePort());
      if (!ports[site]) writeStateFile(portsFile, { ...ports, [site]: port });
      return { host: '127.0.0.1', port };
    },
    async addressOf(endpoint) {
      const found = readFleet(directory).endpoints.find((one) => one.name === endpoint);
      if (!found) throw new Error(`The simulated fleet has no endpoint ${endpoint}.`);
      return found.address;
    },
    async configureAgent(endpoint, configuration) {
      writeAgentConfiguration(directory, endpoint, configuration);
    },
    hasIdentity: async (endpoint) =>
      existsSync(join(fleetDirectory(directory).endpoint(endpoint).stateDirectory, identityFiles.certificate)),
    power: (endpoint, order) => fleetClient(directory).power(endpoint, order),
    down: async () => undefined,
  };
}
