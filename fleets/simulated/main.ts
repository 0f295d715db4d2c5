/**
 * `tsx fleets/simulated/main.ts DIRECTORY [CLIENT]`: runs the simulated fleet that was prepared there, until it is
 * ended. With the directory of a client's files it prepares the fleet for them where there is none.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { readClientFiles } from '../../activities/adapters/policy-files/yaml.ts';
import { createControlServer } from './control.ts';
import { RangeKeeper } from '../../embedded/port-ranges.ts';
import { fleetOf, prepareFleet, readFleet } from './fleet-plan.ts';
import { Hypervisor } from './hypervisor.ts';
import { fleetDirectory } from './layout.ts';
import { listSandboxes } from './sandboxes.ts';

const maximumSocketPath = 100;

await main(process.argv[2], process.argv[3]).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

async function main(directory: string | undefined, client: string | undefined): Promise<void> {
  if (directory === undefined) throw new Error('Say which directory holds the fleet: main.ts DIRECTORY.');
  const { socket } = fleetDirectory(directory);
  if (Buffer.byteLength(socket) > maximumSocketPath) {
    throw new Error(`${socket} is too long for a socket file; keep the fleet in a directory with a shorter path.`);
  }
  if (await answers(socket)) throw new Error(`A process runs the fleet in ${directory} already.`);
  if (client !== undefined) await prepareFleet({ directory, ...fleetOf(await readClientFiles(client)) });
  // Left behind by a process that was killed.
  rmSync(socket, { force: true });
  await keepPorts(directory);
  const hypervisor = new Hypervisor(directory, (line) => console.log(`${new Date().toISOString()} ${line}`));
  const server = createControlServer(hypervisor);
  server.listen(socket);
  await once(server, 'listening');
  console.log(`The simulated fleet answers on ${socket}.`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      server.close();
      server.closeAllConnections();
      void hypervisor.close();
    });
  }
}

/** A machine that is off listens on nothing: its port must not be given to anybody meanwhile. */
async function keepPorts(directory: string): Promise<void> {
  const machines = [...readFleet(directory).endpoints, ...listSandboxes(fleetDirectory(directory))];
  await new RangeKeeper().keep(machines.map(({ address }) => address.port));
}

async function answers(socket: string): Promise<boolean> {
  const connection = connect(socket);
  try {
    await once(connection, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    connection.destroy();
  }
}
