/** Brings everything up in order: fleet, servers, workers, the client's files, the endpoints' enrolment. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openAuthority } from '../activities/adapters/certificates/authority.ts';
import type { ClientFiles } from '../domain/policies/policy.ts';
import { putInForce } from './apply.ts';
import {
  type StackAddresses,
  type StackOptions,
  type WorkerPlan,
  nodeArgv,
  readStackAddresses,
  stackStatus,
  startStack,
} from '../embedded/supervisor.ts';
import { writeSiteIdentity } from './enrolment.ts';
import type { Fleet } from '../fleets/fleet.ts';
import { enrolFleet } from './enrol-fleet.ts';
import { connectClient } from './temporal.ts';
import { idIn } from '../domain/ids.ts';
import { openDatabase, tenantsOf } from '../record/database.ts';
import { digestFor } from '../programs/bundle.mjs';
import { applyMigrations } from '../prisma/migrate.ts';
import { searchAttributes } from './search-attributes.ts';

export type UpOptions = {
  /** Absolute: everything embedded is kept here. */
  readonly stateDirectory: string;
  /** Where reports are written; without it beside the rest. */
  readonly reportsDirectory?: string;
  readonly fleet: Fleet;
  readonly files: ClientFiles;
  readonly appliedBy: string;
  /** Further files of known exploited vulnerabilities. */
  readonly kevFiles: readonly string[];
  readonly servers: Pick<StackOptions, 'postgres' | 'temporal'>;
  readonly say: (sentence: string) => void;
  /** Ends it after the step it is at; what was started by then is the caller's to stop. */
  readonly signal?: AbortSignal;
};

/** @throws the signal's reason when it was aborted */
export async function bringUp(options: UpOptions): Promise<StackAddresses> {
  const { stateDirectory, fleet, files, say, servers, signal } = options;
  // Made before the authority makes it for itself alone: the database's own user must be able to walk through.
  await mkdir(stateDirectory, { recursive: true, mode: 0o711 });
  const authority = await openAuthority(authorityFolder(stateDirectory));
  const stack = { stateDirectory, ...servers, searchAttributes, prepareDatabase: applyMigrations, say };
  await fleet.up(files, say);
  signal?.throwIfAborted();
  // The sites' workers need a way to Temporal before they start, so the servers come first; where they run, they stay.
  const running = stackStatus(stateDirectory).state === 'up' ? readStackAddresses(stateDirectory) : undefined;
  const addresses = running ?? (await startStack({ ...stack, workers: () => fleet.processes() }));
  signal?.throwIfAborted();
  await fleet.openPassage(Number(new URL(`http://${addresses.temporalAddress}`).port));

  const sites: Awaited<ReturnType<typeof planSite>>[] = [];
  for (const site of files.sites) sites.push(await planSite(options, authority, site.id));
  await startStack({
    ...stack,
    workers: (at) => [...fleet.processes(), controlPlan(options, at), ...sites.map((site) => site(at))],
  });
  signal?.throwIfAborted();
  say(`Workers are ready: control, ${files.sites.map((site) => site.id).join(', ')}.`);

  const database = openDatabase(addresses.databaseUrl);
  const temporal = await connectClient({ address: addresses.temporalAddress, namespace: addresses.temporalNamespace });
  try {
    const tenants = tenantsOf(database);
    await putInForce({ tenants, temporal: async () => temporal }, files, options.appliedBy);
    const enrolled = await enrolFleet({ tenants, authority, fleet }, files, signal);
    say(`${enrolled} endpoints are enrolled.`);
  } finally {
    await database.$disconnect();
    await temporal.connection.close();
  }
  return addresses;
}

export function authorityFolder(stateDirectory: string): string {
  return join(stateDirectory, 'authority');
}

function reportsFolder(stateDirectory: string): string {
  return join(stateDirectory, 'reports');
}

function controlPlan({ stateDirectory, reportsDirectory, kevFiles }: UpOptions, addresses: StackAddresses): WorkerPlan {
  return {
    name: 'worker-control',
    argv: nodeArgv(new URL('../workers/control-worker.ts', import.meta.url)),
    sources: digestFor('workers/control-worker.ts'),
    environment: {
      ...temporalEnvironment(addresses),
      DATABASE_URL: addresses.databaseUrl,
      PATCHCYCLE_AUTHORITY: authorityFolder(stateDirectory),
      PATCHCYCLE_REPORTS: reportsDirectory ?? reportsFolder(stateDirectory),
      PATCHCYCLE_KEV_FILES: kevFiles.join(':'),
    },
    ready: { when: 'log says', text: 'control worker is ready' },
    stopWithinSeconds: 15,
  };
}

async function planSite(
  { stateDirectory, fleet, files }: UpOptions,
  authority: Awaited<ReturnType<typeof openAuthority>>,
  site: string,
): Promise<(addresses: StackAddresses) => WorkerPlan> {
  const enrolment = await fleet.enrolmentAddress(site);
  const identity = join(stateDirectory, 'sites', site);
  await writeSiteIdentity(authority, identity, { name: idIn(files.client.id, site), enrolmentHost: enrolment.host });
  const [program, ...args] = [
    ...fleet.commandInSite(site),
    ...nodeArgv(new URL('../workers/site-worker.ts', import.meta.url)),
  ];
  return (addresses) => ({
    name: `worker-${site}`,
    argv: [program ?? '', ...args],
    sources: digestFor('workers/site-worker.ts'),
    environment: {
      ...temporalEnvironment(addresses),
      PATCHCYCLE_SITE: idIn(files.client.id, site),
      PATCHCYCLE_IDENTITY: identity,
      PATCHCYCLE_FLEET: fleet.reference,
      PATCHCYCLE_ENROLMENT: `${enrolment.host}:${enrolment.port}`,
    },
    ready: { when: 'log says', text: 'is ready' },
    ports: enrolment.host === '127.0.0.1' ? [enrolment.port] : [],
    stopWithinSeconds: 25,
  });
}

function temporalEnvironment({ temporalAddress, temporalNamespace }: StackAddresses): Record<string, string> {
  return { TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: temporalNamespace };
}
