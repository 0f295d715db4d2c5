/**
 * A second client of the same provider, beside the one a stack was brought up for: its own fleet and its own sites'
 * workers, at the same PostgreSQL and the same Temporal.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openAuthority } from '../../../activities/adapters/certificates/authority.ts';
import { type FleetClient, fleetClient } from '../../../fleets/simulated/client.ts';
import { applyClient, readClient } from '../../../operator/apply.ts';
import { nodeArgv, readStackAddresses } from '../../../embedded/supervisor.ts';
import { writeSiteIdentity } from '../../../operator/enrolment.ts';
import type { Fleet } from '../../../fleets/fleet.ts';
import { enrolFleet } from '../../../operator/enrol-fleet.ts';
import { simulatedFleet } from '../../../fleets/simulated/fleet.ts';
import { authorityFolder } from '../../../operator/up.ts';
import { type StoryClient, writeClientFiles } from './client-files.ts';
import { type EndpointOnDisk, endpointOnDisk } from '../simulated/machine-on-disk.ts';
import type { AnyRunningStack } from './running-stack.ts';
import { idIn } from '../../../domain/ids.ts';
import { openDatabase, tenantsOf } from '../../../record/database.ts';

export type SecondClient = {
  readonly fleet: FleetClient;
  endpoint(name: string): EndpointOnDisk;
  /** Stops what was started for it; its files go with the stack's. */
  close(): Promise<void>;
};

export async function startSecondClient(
  { stateDirectory }: Pick<AnyRunningStack, 'stateDirectory'>,
  clientId: string,
  client: StoryClient,
): Promise<SecondClient> {
  const addresses = readStackAddresses(stateDirectory);
  if (!addresses) throw new Error(`No stack stands in ${stateDirectory}.`);
  // Beside the stack's own folder, whose name is short for the sake of the fleet's socket file.
  const folder = join(stateDirectory, '..', clientId);
  const filesDirectory = join(folder, 'files');
  await mkdir(folder, { mode: 0o711 });
  await writeClientFiles(filesDirectory, client, clientId);
  const files = await readClient(filesDirectory);
  const authority = await openAuthority(authorityFolder(stateDirectory));
  const fleet = simulatedFleet(folder);
  await fleet.up(files, () => undefined);
  const running: ChildProcess[] = [];
  const close = async () => {
    await Promise.all(running.map(stop));
  };
  try {
    for (const { argv, ready } of fleet.processes())
      running.push(await start(argv, {}, ready.when === 'log says' ? ready.text : ''));
    for (const { site } of client.sites) {
      const environment = await siteEnvironment(fleet, authority, { folder, clientId, site });
      const temporal = { TEMPORAL_ADDRESS: addresses.temporalAddress, TEMPORAL_NAMESPACE: addresses.temporalNamespace };
      const argv = nodeArgv(new URL('../../../workers/site-worker.ts', import.meta.url));
      running.push(await start(argv, { ...environment, ...temporal }, 'is ready'));
    }
    const database = openDatabase(addresses.databaseUrl);
    try {
      const tenants = tenantsOf(database);
      await applyClient(tenants, files, 'the story');
      await enrolFleet({ tenants, authority, fleet }, files);
    } finally {
      await database.$disconnect();
    }
  } catch (error) {
    await close();
    throw error;
  }
  const directory = join(folder, 'simulated-fleet');
  return { fleet: fleetClient(directory), endpoint: (name) => endpointOnDisk(directory, name), close };
}

async function siteEnvironment(
  fleet: Fleet,
  authority: Awaited<ReturnType<typeof openAuthority>>,
  { folder, clientId, site }: { folder: string; clientId: string; site: string },
): Promise<Record<string, string>> {
  const { host, port } = await fleet.enrolmentAddress(site);
  const identity = join(folder, 'sites', site);
  await writeSiteIdentity(authority, identity, { name: idIn(clientId, site), enrolmentHost: host });
  return {
    PATCHCYCLE_SITE: idIn(clientId, site),
    PATCHCYCLE_IDENTITY: identity,
    PATCHCYCLE_FLEET: fleet.reference,
    PATCHCYCLE_ENROLMENT: `${host}:${port}`,
  };
}

/** Starts a process and waits until it says that it is ready. */
async function start(
  [program, ...args]: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
  ready: string,
): Promise<ChildProcess> {
  const child = spawn(program, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  child.stderr.on('data', (data: Buffer) => said.push(data.toString()));
  const isReady = new Promise<void>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      if (line.includes(ready)) resolve();
    });
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${args.at(-1)} ended before it was ready: ${said.join('')}`);
  });
  await Promise.race([isReady, ended]);
  ended.catch(() => undefined);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
