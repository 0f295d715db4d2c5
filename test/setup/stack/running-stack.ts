/**
 * What stories stand on: a whole stack over a fleet, simulated unless they say otherwise, brought up and driven by the
 * command line alone.
 */
import { chmod, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { type Database, openDatabase, tenantsOf } from '../../../record/database.ts';
import type { CycleFacts } from '../../../domain/reports/cycle-facts.ts';
import { labFleet } from '../../../fleets/lab/fleet.ts';
import { type FleetClient, fleetClient } from '../../../fleets/simulated/client.ts';
import { identifyProcess, isRunning, processIdentity } from '../../../embedded/process-identity.ts';
import { readStateFile, writeStateFile } from '../../../embedded/state-file.ts';
import { type StackStatus, readStackAddresses } from '../../../embedded/supervisor.ts';
import { takeAway } from '../../../operator/down.ts';
import { readFacts } from '../../../operator/facts.ts';
import { type StoryClient, type StoryPolicy, writeClientFiles, writePolicy } from './client-files.ts';
import { cycleStatus } from '../../../workflows/messages.ts';
import { type CommandResult, runCommand, succeed } from './command.ts';
import { type EndpointOnDisk, endpointOnDisk } from '../simulated/machine-on-disk.ts';
import { until } from '../until.ts';

/** How long a story's tests may take, for `vi.setConfig`: whole cycles on two cores that others use too. */
export const storyTimes = { testTimeout: 420_000, hookTimeout: 300_000 };
/** Less than a test: so it ends with what the cycle was at. */
const cycleSeconds = 300;

/** A stack, whatever its fleet is. */
export type AnyRunningStack = {
  readonly stateDirectory: string;
  readonly filesDirectory: string;
  readonly temporal: Client;
  /** Runs a command to its end, however it ends. */
  command(...argv: readonly string[]): Promise<CommandResult>;
  /** Runs a command with --json and reads its answer. Rejects with what it says when it fails. */
  ask<Answer>(...argv: readonly string[]): Promise<Answer>;
  /** Writes a policy's file again and applies it. */
  apply(policy: StoryPolicy): Promise<void>;
  /** Starts a cycle; its id. */
  start(policy: string): Promise<string>;
  /** Waits until the cycle's workflow has ended, and then asks the command line what is recorded of it. */
  ended(cycleId: string): Promise<CycleFacts>;
  /** Starts a cycle and waits for its end. May be awaited later: several run side by side. */
  run(policy: string): Promise<CycleFacts>;
  /** Waits until the cycle says that it waits for something whose words contain these. */
  waitsFor(cycleId: string, words: string): Promise<void>;
  /** What is recorded of a cycle by now, read without a command: for those who look again and again. */
  recorded(cycleId: string): Promise<CycleFacts>;
  /** The rows, for those who ask nothing of the product. */
  readonly database: Database;
  status(): Promise<StackStatus>;
  /** Stops everything and removes everything. */
  close(): Promise<void>;
};

/** A stack over simulated endpoints. */
export type RunningStack = AnyRunningStack & {
  readonly fleetDirectory: string;
  readonly fleet: FleetClient;
  endpoint(name: string): EndpointOnDisk;
};

/** Short: the fleet's socket file is below it. */
const prefix = 'pc-story-';
const stateFolder = 's';
/** Not the usual ones: those are of whoever works on this machine. */
const anyPorts = {
  PATCHCYCLE_POSTGRES_PORT: 'any',
  PATCHCYCLE_TEMPORAL_PORT: 'any',
  PATCHCYCLE_TEMPORAL_UI_PORT: 'any',
};

export async function startStack(client: StoryClient): Promise<RunningStack> {
  const stack = await startStackOver(['--fleet', 'simulated'], client);
  const fleetDirectory = join(stack.stateDirectory, 'simulated-fleet');
  return {
    ...stack,
    fleetDirectory,
    fleet: fleetClient(fleetDirectory),
    endpoint: (name) => endpointOnDisk(fleetDirectory, name),
  };
}

/**
 * Brings a stack up. What was started is stopped again when that fails.
 * @param wishes what `up` is told besides the files, the fleet among it
 */
export async function startStackOver(wishes: readonly string[], client: StoryClient): Promise<AnyRunningStack> {
  await sweepAbandonedStacks();
  const folder = await mkdtemp(join(tmpdir(), prefix));
  // PostgreSQL runs as another user.
  await chmod(folder, 0o711);
  writeStateFile(ownerFile(folder), identifyProcess(process.pid));
  const stateDirectory = join(folder, stateFolder);
  const filesDirectory = join(folder, 'files');
  const command = (...argv: readonly string[]) => runCommand(['--state', stateDirectory, ...argv], anyPorts);
  const remove = () => removeStack(folder);
  try {
    await writeClientFiles(filesDirectory, client);
    succeed(await command('up', ...wishes, '-f', filesDirectory), 'up');
    return await connectTo({ stateDirectory, filesDirectory, command, remove });
  } catch (error) {
    await remove();
    throw error;
  }
}

type StartedStack = Pick<AnyRunningStack, 'stateDirectory' | 'filesDirectory' | 'command'> & {
  readonly remove: () => Promise<void>;
};

async function connectTo({ stateDirectory, filesDirectory, command, remove }: StartedStack): Promise<AnyRunningStack> {
  const addresses = readStackAddresses(stateDirectory);
  const connection = await Connection.connect({ address: addresses?.temporalAddress ?? '' });
  const temporal = new Client({ connection, namespace: addresses?.temporalNamespace ?? '' });
  const database = openDatabase(addresses?.databaseUrl ?? '');
  const tenants = tenantsOf(database);
  const ask = async <Answer>(...argv: readonly string[]): Promise<Answer> =>
    JSON.parse(succeed(await command(...argv, '--json'), argv.join(' ')).out) as Answer;
  const start = async (policy: string) =>
    (await ask<{ cycleId: string }>('cycle', 'start', '--policy', policy)).cycleId;
  const ended = async (cycleId: string) => {
    const cycle = temporal.workflow.getHandle(cycleId);
    try {
      await temporal.withDeadline(Date.now() + cycleSeconds * 1000, () => cycle.result());
    } catch (error) {
      const { step, doing, waitsFor } = await cycle.query(cycleStatus);
      const now = waitsFor ? `it waits for ${waitsFor}` : doing;
      throw new Error(`${cycleId} has not ended within ${cycleSeconds} s: at ${step}, ${now}.`, { cause: error });
    }
    return ask<CycleFacts>('cycle', 'show', cycleId);
  };
  return {
    stateDirectory,
    filesDirectory,
    temporal,
    database,
    command,
    ask,
    async apply(policy) {
      await writePolicy(filesDirectory, policy);
      await ask('apply', '-f', filesDirectory);
    },
    start,
    ended,
    run(policy) {
      const facts = start(policy).then(ended);
      // Who awaits it later is told; until then it is nobody's unhandled rejection.
      facts.catch(() => undefined);
      return facts;
    },
    async waitsFor(cycleId, words) {
      const cycle = temporal.workflow.getHandle(cycleId);
      await until(`${cycleId} waits for ${words}`, async () =>
        (await cycle.query(cycleStatus)).waitsFor?.includes(words),
      );
    },
    async recorded(cycleId) {
      await until(`${cycleId} is on record`, () => database.cycle.findUnique({ where: { id: cycleId } }));
      return readFacts({ tenants }, cycleId);
    },
    status: () => ask<StackStatus>('status'),
    async close() {
      await database.$disconnect();
      await connection.close();
      await remove();
    },
  };
}

/** What runs that were killed left behind. Runs that are still going are left alone, and so is what another sweeps. */
async function sweepAbandonedStacks(): Promise<void> {
  for (const name of (await readdir(tmpdir())).filter((entry) => entry.startsWith(prefix))) {
    const folder = join(tmpdir(), name);
    const owner = readStateFile(ownerFile(folder), processIdentity);
    if (owner !== undefined && !isRunning(owner) && (await makeOurs(folder))) await removeStack(folder);
  }
}

/** False when another process has taken it over first. */
async function makeOurs(folder: string): Promise<boolean> {
  try {
    await rename(ownerFile(folder), `${ownerFile(folder)}.${process.pid}`);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
  writeStateFile(ownerFile(folder), identifyProcess(process.pid));
  return true;
}

async function removeStack(folder: string): Promise<void> {
  const stateDirectory = join(folder, stateFolder);
  await takeAway({ stateDirectory, fleet: labFleet(stateDirectory) });
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

function ownerFile(folder: string): string {
  return join(folder, 'owner.json');
}
