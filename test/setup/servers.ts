/** One PostgreSQL and one Temporal server for all tests that need them, started once and gone afterwards. */
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { z } from 'zod';
import { findTemporalServer } from '../../embedded/temporal-server.ts';
import { applyMigrations } from '../../prisma/migrate.ts';
import { startThrowawayPostgres } from '../../embedded/postgres.ts';
import {
  identifyProcess,
  isRunning,
  type ProcessIdentity,
  processIdentity,
  stopProcess,
} from '../../embedded/process-identity.ts';
import { readStateFile, writeStateFile } from '../../embedded/state-file.ts';
import { startTemporal } from '../../embedded/temporal.ts';
import { searchAttributes } from '../../operator/search-attributes.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of the migrated database from which `createTestDatabase` copies; nobody else may connect to it. */
    readonly templateDatabaseUrl: string;
    readonly temporalAddress: string;
    readonly temporalNamespace: string;
    /** The program, for tests that start a server of their own. */
    readonly temporalProgram: string;
  }
}

const prefix = 'patchcycle-test-';
const memory = z.object({ owner: processIdentity, servers: z.array(processIdentity), folders: z.array(z.string()) });

export default async function startServers(project: TestProject): Promise<() => Promise<void>> {
  const owner = identifyProcess(process.pid);
  if (owner === undefined) throw new Error('This process cannot tell its own start time.');
  await sweepAbandonedRuns();

  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  // PostgreSQL runs as another user.
  chmodSync(folder, 0o711);
  const server = await findTemporalServer({
    configured: process.env['PATCHCYCLE_TEMPORAL_PROGRAM'],
    searchPath: process.env['PATH'] ?? '',
    cacheDirectory: path.join(homedir(), '.cache', 'patchcycle'),
  });
  const servers: ProcessIdentity[] = [];
  const folders: string[] = [];
  // Written now and after each start, so that the next run finds what a killed one left.
  const write = () => writeStateFile(path.join(folder, 'test-run.json'), { owner, servers, folders });
  write();
  const remember = (identity: ProcessIdentity, dataFolder: string) => {
    servers.push(identity);
    folders.push(dataFolder);
    write();
  };
  const starts = [
    startThrowawayPostgres(path.join(folder, 'database')).then((postgres) => {
      remember(postgres.identity, path.dirname(postgres.dataDirectory));
      return postgres;
    }),
    startTemporal({
      stateDirectory: path.join(folder, 'temporal'),
      server,
      port: 'any',
      uiPort: 'any',
      timers: 'to the millisecond',
      searchAttributes,
    }).then((temporal) => {
      remember(temporal.identity, path.join(folder, 'temporal'));
      return temporal;
    }),
  ] as const;
  const stopAll = async () => {
    for (const start of await Promise.allSettled(starts)) {
      if (start.status === 'fulfilled') await start.value.stop();
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const [postgres, temporal] = await Promise.all(starts);
    await applyMigrations(postgres.url);
    project.provide('templateDatabaseUrl', postgres.url);
    project.provide('temporalAddress', temporal.address);
    project.provide('temporalNamespace', temporal.namespace);
    project.provide('temporalProgram', server.program);
    return stopAll;
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** Ends the servers of test runs that were killed before they could. Runs that are still going are left alone. */
async function sweepAbandonedRuns(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const folder = path.join(tmpdir(), name);
    const run = readStateFile(path.join(folder, 'test-run.json'), memory);
    if (run === undefined || isRunning(run.owner)) continue;
    for (const server of run.servers) await stopProcess(server, { signal: 'SIGINT', withinSeconds: 10 });
    for (const left of [...run.folders, folder]) rmSync(left, { recursive: true, force: true });
  }
}
