import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { identityFiles } from '../../agent/identity.ts';
import { fleetClient, fleetDirectory, fleetOf, prepareFleet, writeAgentConfiguration } from './client.ts';
import { readFleet } from './fleet-plan.ts';
import { nodeArgv, portsOfStack } from '../../embedded/supervisor.ts';
import { z } from 'zod';
import { claimPort, reclaimPort } from '../../embedded/ports.ts';
import { readStateFile, writeStateFile } from '../../embedded/state-file.ts';
import { digestFor } from '../../programs/bundle.mjs';
import type { Fleet } from '../fleet.ts';

const portsSchema = z.record(z.string(), z.number());

/** The same agent program over simulated machines, all in one process: for any laptop. */
export function simulatedFleet(stateDirectory: string): Fleet {
  const directory = join(stateDirectory, 'simulated-fleet');
  const enrolmentPorts = new Map<string, number>();
  return {
    kind: 'simulated',
    words: 'simulated machines, each with the real agent program',
    reference: `simulated:${directory}`,
    async up(files) {
      const { endpoints } = await prepareFleet({ directory, ...fleetOf(files) });
      // One that is lost to another process is waited for by its agent.
      for (const { address } of endpoints) await reclaimPort(address.port);
    },
    processes: () => [
      {
        name: 'simulated-fleet',
        argv: nodeArgv(new URL('./main.ts', import.meta.url), directory),
        sources: digestFor('fleets/simulated/main.ts'),
        environment: {},
        ports: readFleet(directory).endpoints.map(({ address }) => address.port),
        ready: { when: 'log says', text: 'The simulated fleet answers' },
        stopWithinSeconds: 10,
      },
    ],
    commandInSite: () => [],
    openPassage: async () => undefined,
    async enrolmentAddress(site) {
      const port = enrolmentPorts.get(site) ?? (await enrolmentPort(stateDirectory, site));
      enrolmentPorts.set(site, port);
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
    power: (endpoint, action) => fleetClient(directory).power(endpoint, action),
    down: async () => undefined,
  };
}

/** The port of the last time where that can be had: agents that have not enrolled yet were told it. */
async function enrolmentPort(stateDirectory: string, site: string): Promise<number> {
  const file = join(stateDirectory, 'enrolment-ports.json');
  const ports = readStateFile(file, portsSchema) ?? {};
  const known = ports[site];
  // A site's worker that runs has it.
  if (known !== undefined && portsOfStack(stateDirectory).includes(known)) return known;
  if (known !== undefined && (await reclaimPort(known))) return known;
  const port = await claimPort();
  writeStateFile(file, { ...ports, [site]: port });
  return port;
}
