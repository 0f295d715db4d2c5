import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client, escapeIdentifier } from 'pg';
import { z } from 'zod';
import { launchUntilReady } from './launch.ts';
import { choosePort, type ConfiguredPort } from './ports.ts';
import { onFreePorts } from './taken-port.ts';
import {
  findPostgresPrograms,
  isReachable,
  machineFolder,
  type PostgresUser,
  postgresUser,
} from './postgres-programs.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { ProcessPlan } from './process-plan.ts';
import { readStateFile, writeStateFile } from './state-file.ts';

export type PostgresOptions = {
  /** Where everything embedded is kept, absolute: `/srv/patchcycle/.patchcycle`. */
  readonly stateDirectory: string;
  /** Without one: the port of the last start, else the usual one, else any. */
  readonly port?: ConfiguredPort;
  /** False gives up what was committed when the machine crashes: for tests. */
  readonly durable: boolean;
};

export type PlannedPostgres = {
  readonly plan: ProcessPlan;
  /** Of the database `patchcycle`, password included. */
  readonly url: string;
  readonly dataDirectory: string;
};

export type RunningPostgres = {
  /** Of the database `patchcycle`, password included. */
  readonly url: string;
  readonly dataDirectory: string;
  readonly identity: ProcessIdentity;
  /** Ends it in order: what was committed is on disk. */
  readonly stop: () => Promise<void>;
};

/** What must be known to start again where the last start stopped. */
const memory = z.object({ dataDirectory: z.string(), password: z.string(), port: z.number().optional() });
type Memory = z.infer<typeof memory>;

const memoryFile = (stateDirectory: string) => path.join(stateDirectory, 'postgres', 'memory.json');

const databaseName = 'patchcycle';
const superuser = 'patchcycle';

/**
 * Initialises the data folder where there is none yet, and says how the server is started.
 * @throws Error with one sentence when there are no programs for this platform or the port is taken
 */
export async function planPostgres(options: PostgresOptions): Promise<PlannedPostgres> {
  const user = postgresUser();
  const programs = await findPostgresPrograms(user);
  const file = memoryFile(options.stateDirectory);
  const known = readStateFile(file, memory) ?? newMemory(options.stateDirectory, user);
  const port = await choosePort({
    configured: options.port,
    remembered: known.port,
    usual: 15432,
    server: 'PostgreSQL',
  });
  // The password is kept before the data it opens exists, so data without a password is never ours to lose.
  writeStateFile(file, { ...known, port });
  if (!existsSync(known.dataDirectory)) await initialise(programs.initdb, known, user, options);

  const url = (database: string) => `postgresql://${superuser}:${known.password}@127.0.0.1:${port}/${database}`;
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'timezone=UTC',
    'log_timezone=UTC',
    ...(options.durable ? [] : ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']),
  ];
  const plan: ProcessPlan = {
    name: 'postgres',
    role: 'server',
    argv: [
      programs.postgres,
      '-D',
      known.dataDirectory,
      '-p',
      String(port),
      ...settings.flatMap((setting) => ['-c', setting]),
    ],
    environment: { LC_ALL: 'C', TZ: 'UTC' },
    workingDirectory: '/',
    ports: [port],
    ...(user === undefined ? {} : { user }),
    ready: { when: 'database answers', url: url('postgres') },
    // SIGTERM would wait until the last client has gone; SIGINT ends their sessions and is as safe.
    stop: { signal: 'SIGINT', withinSeconds: 20 },
  };
  return { plan, url: url(databaseName), dataDirectory: known.dataDirectory };
}

/** Makes the database `patchcycle` on a server that answers; does nothing when it is there. */
export async function ensureDatabase(url: string): Promise<void> {
  const server = new URL(url);
  const name = server.pathname.slice(1);
  server.pathname = '/postgres';
  const client = new Client(server.href);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

/** A PostgreSQL without a supervisor, for tools and tests. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  return onFreePorts('PostgreSQL', async () => {
    const { plan, url, dataDirectory } = await planPostgres(options);
    const server = await launchUntilReady(plan, path.join(options.stateDirectory, 'log', 'postgres.log'));
    await ensureDatabase(url);
    return { url, dataDirectory, identity: server.identity, stop: server.stop };
  });
}

/** One that keeps nothing: its folder goes when it is stopped. */
export async function startThrowawayPostgres(stateDirectory: string): Promise<RunningPostgres> {
  const postgres = await startPostgres({ stateDirectory, durable: false, port: 'any' });
  const stop = async () => {
    await postgres.stop();
    removePostgresData(stateDirectory);
    rmSync(stateDirectory, { recursive: true, force: true });
  };
  return { ...postgres, stop };
}

/** Deletes the data of a stopped server, which may lie outside its state directory. Harmless when there is none. */
export function removePostgresData(stateDirectory: string): void {
  const known = readStateFile(memoryFile(stateDirectory), memory);
  if (known !== undefined) rmSync(path.dirname(known.dataDirectory), { recursive: true, force: true });
}

function newMemory(stateDirectory: string, user: PostgresUser | undefined): Memory {
  const inside = path.join(stateDirectory, 'postgres');
  mkdirSync(inside, { recursive: true, mode: 0o711 });
  const digest = createHash('sha256').update(stateDirectory).digest('hex').slice(0, 16);
  // Under a closed home the server's own user cannot reach the state directory, so the data lies outside it.
  const home = user === undefined || isReachable(inside, user) ? inside : path.join(machineFolder, digest);
  const dataDirectory = path.join(home, 'data');
  setAside(dataDirectory);
  return { dataDirectory, password: randomBytes(24).toString('base64url') };
}

/** Data whose password is gone is not opened, and not deleted either: one generation of it is kept. */
function setAside(dataDirectory: string): void {
  if (!existsSync(dataDirectory)) return;
  rmSync(`${dataDirectory}.without-password`, { recursive: true, force: true });
  renameSync(dataDirectory, `${dataDirectory}.without-password`);
}

async function initialise(
  initdb: string,
  { dataDirectory, password }: Memory,
  user: PostgresUser | undefined,
  { durable }: PostgresOptions,
): Promise<void> {
  const unfinished = `${dataDirectory}.unfinished`;
  const passwordFile = `${dataDirectory}.password`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o711 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  try {
    for (const file of [unfinished, passwordFile]) if (user !== undefined) chownSync(file, user.uid, user.gid);
    const where = ['-D', unfinished, '-E', 'UTF8', '--locale=C', ...(durable ? [] : ['--no-sync'])];
    const who = ['-U', superuser, '--pwfile', passwordFile, '-A', 'scram-sha-256'];
    await promisify(execFile)(initdb, [...where, ...who], { cwd: '/', env: { LC_ALL: 'C', TZ: 'UTC' }, ...user });
    renameSync(unfinished, dataDirectory);
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new Error(`PostgreSQL cannot make its data folder ${dataDirectory}: ${said}`, { cause: error });
  } finally {
    rmSync(passwordFile, { force: true });
  }
}
