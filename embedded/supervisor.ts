import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findTemporalServer, type TemporalServer } from './temporal-server.ts';
import { endOfLog, nodeArgv } from './launch.ts';
import type { ConfiguredPort } from './ports.ts';
import { ensureDatabase, planPostgres } from './postgres.ts';
import { identifyProcess, isRunning, stopProcess } from './process-identity.ts';
import type { ProcessPlan, ReadyCondition } from './process-plan.ts';
import { withStackLock } from './stack-lock.ts';
import {
  logFile,
  planDigest,
  type ProcessRecord,
  readStackPlan,
  readStackRecord,
  removeStackRecord,
  type StackAddresses,
  type StackPlan,
  type StackRecord,
  stillRunning,
  stopOrphans,
  writeStackPlan,
} from './stack-state.ts';
import { onFreePorts, PortTaken } from './taken-port.ts';
import { keepClosedWorkflows, planTemporal, type SearchAttributes } from './temporal.ts';

export { nodeArgv } from './launch.ts';
export { portsOfStack, type StackAddresses, readStackAddresses } from './stack-state.ts';
export { type StackStatus, stackStatus } from './stack-status.ts';

/** A worker as its owner describes it. */
export type WorkerPlan = {
  /** `worker-control`; names its log file. */
  readonly name: string;
  /** The program itself by absolute path, see `nodeArgv`: a launcher would hide the pid of what works. */
  readonly argv: readonly [program: string, ...args: string[]];
  /** Digest of what it is made of (`digestFor` of programs/bundle.mjs): it starts again when that has changed. */
  readonly sources: string;
  /** On top of ours, from which DATABASE_URL and TEMPORAL_* are taken: say here what this worker may reach. */
  readonly environment: Readonly<Record<string, string>>;
  readonly ready: ReadyCondition;
  /** What it listens on, at 127.0.0.1: nobody else is given these ports while the stack is up. */
  readonly ports?: readonly number[];
  /** How long it may take to finish what it has begun. */
  readonly stopWithinSeconds: number;
};

export type StackOptions = {
  /** Where everything embedded is kept, absolute: `/srv/patchcycle/.patchcycle`. */
  readonly stateDirectory: string;
  readonly postgres: { readonly port?: ConfiguredPort; readonly durable: boolean };
  readonly temporal: {
    /** A program to use instead of searching for one. */
    readonly program?: string | undefined;
    readonly port?: ConfiguredPort;
    readonly uiPort?: ConfiguredPort;
    readonly timers: 'rounded up' | 'to the millisecond';
    readonly searchPath: string;
    readonly cacheDirectory: string;
  };
  readonly searchAttributes: SearchAttributes;
  /** Called when PostgreSQL answers, at each start: brings its database up to date. The names of what that took. */
  readonly prepareDatabase: (databaseUrl: string) => Promise<readonly string[]>;
  /** What runs beside the servers; called when these answer and the database is prepared. */
  readonly workers: (addresses: StackAddresses) => readonly WorkerPlan[];
  /** Is told each step in a sentence. */
  readonly say: (sentence: string) => void;
};

const readyWithinSeconds = 60;
/** A month, as docker-compose.yml has it: the last cycle can still be looked at when the next one is due. */
const closedWorkflowDays = 30;
/** A process that fails this often without ever being ready will not get better by waiting. */
const failuresUntilGivenUp = 5;

/**
 * Starts PostgreSQL and Temporal, has the database prepared, starts the workers, and leaves all of it to a supervisor in a
 * process of its own, which outlives the caller. On a running stack it prepares the database and changes the workers: new
 * ones start, changed ones and those of changed sources start again, others stop. What a lost supervisor left is stopped and started again, not adopted: only a
 * parent learns how a child ended, and a fresh start is known to be whole.
 * @throws Error in a sentence or two when something does not start; what this call started is stopped again
 */
export async function startStack(options: StackOptions): Promise<StackAddresses> {
  return withStackLock(options.stateDirectory, async () => {
    const record = readStackRecord(options.stateDirectory);
    const running =
      record !== undefined && isRunning(record.supervisor) ? readStackPlan(options.stateDirectory) : undefined;
    if (running !== undefined) {
      options.say('The servers run already.');
      await bringUpToDate(options, running.addresses.databaseUrl);
      return runPlan(options, withWorkers(running, options));
    }
    try {
      return await startAll(options);
    } catch (error) {
      await stopUnlocked(options.stateDirectory);
      throw error;
    }
  });
}

/** Stops everything that was started for this state directory; the names of what ran. Harmless when nothing does. */
export async function stopStack(stateDirectory: string): Promise<string[]> {
  return withStackLock(stateDirectory, () => stopUnlocked(stateDirectory));
}

async function startAll(options: StackOptions): Promise<StackAddresses> {
  const { stateDirectory, say } = options;
  for (const name of await stopUnlocked(stateDirectory)) say(`Stopped ${name}, which an earlier supervisor had left.`);
  const temporalServer = await findTemporalServer({ ...options.temporal, configured: options.temporal.program });
  say(`Temporal ${temporalServer.version} by ${temporalServer.foundBy}: ${temporalServer.program}`);
  const servers = await onFreePorts('PostgreSQL or Temporal', () =>
    startServers(options, temporalServer).catch(async (error: unknown) => {
      if (error instanceof PortTaken) await stopUnlocked(stateDirectory);
      throw error;
    }),
  );
  const { databaseUrl, temporalAddress, temporalNamespace } = servers.addresses;
  await keepClosedWorkflows(temporalAddress, temporalNamespace, closedWorkflowDays);
  await ensureDatabase(databaseUrl);
  await bringUpToDate(options, databaseUrl);
  return runPlan(options, withWorkers(servers, options));
}

async function bringUpToDate({ prepareDatabase, say }: StackOptions, databaseUrl: string): Promise<void> {
  const applied = await prepareDatabase(databaseUrl);
  say(applied.length === 0 ? 'The database is up to date.' : `Applied the migrations ${applied.join(', ')}.`);
}

async function startServers(options: StackOptions, server: TemporalServer): Promise<StackPlan> {
  const { stateDirectory, say } = options;
  const postgres = await planPostgres({ stateDirectory, ...options.postgres });
  const { searchAttributes } = options;
  const temporal = await planTemporal({ stateDirectory, server, searchAttributes, ...options.temporal });
  const servers: StackPlan = {
    addresses: {
      databaseUrl: postgres.url,
      temporalAddress: temporal.address,
      temporalNamespace: temporal.namespace,
      temporalUiUrl: temporal.uiUrl,
    },
    processes: [postgres.plan, temporal.plan],
  };
  await runPlan(options, servers);
  say(`PostgreSQL answers on 127.0.0.1:${new URL(postgres.url).port}, its data in ${postgres.dataDirectory}.`);
  say(`Temporal answers on ${temporal.address}, its web UI on ${temporal.uiUrl}.`);
  return servers;
}

function withWorkers({ addresses, processes }: StackPlan, options: StackOptions): StackPlan {
  const workers = options
    .workers(addresses)
    .map(({ name, argv, sources, environment, ready, ports = [], stopWithinSeconds }): ProcessPlan => ({
      name,
      role: 'worker',
      argv: [...argv],
      environment: { ...environment },
      sources,
      workingDirectory: fileURLToPath(new URL('..', import.meta.url)),
      ports: [...ports],
      ready,
      stop: { signal: 'SIGTERM', withinSeconds: stopWithinSeconds },
    }));
  return { addresses, processes: [...processes.filter(({ role }) => role === 'server'), ...workers] };
}

/** Hands the plan to the supervisor, starting one where none runs, and waits until all of it is ready. */
async function runPlan({ stateDirectory }: StackOptions, plan: StackPlan): Promise<StackAddresses> {
  writeStackPlan(stateDirectory, plan);
  await untilAllReady(stateDirectory, plan, handOver(stateDirectory, plan));
  return plan.addresses;
}

/** The pid of the supervisor that has the plan, or is told to read it. */
function handOver(stateDirectory: string, plan: StackPlan): number {
  const record = readStackRecord(stateDirectory);
  if (record === undefined || !isRunning(record.supervisor)) return startSupervisor(stateDirectory);
  if (record.planDigest !== planDigest(plan)) process.kill(record.supervisor.pid, 'SIGHUP');
  return record.supervisor.pid;
}

function startSupervisor(stateDirectory: string): number {
  const log = logFile(stateDirectory, 'supervisor');
  mkdirSync(path.dirname(log), { recursive: true, mode: 0o711 });
  const output = openSync(log, 'a', 0o600);
  const inherited = Object.entries(process.env).filter(
    ([name]) => name !== 'DATABASE_URL' && !name.startsWith('TEMPORAL_'),
  );
  const [program, ...args] = nodeArgv(new URL('supervisor-process.ts', import.meta.url), stateDirectory);
  const supervisor = spawn(program, args, {
    cwd: '/',
    env: Object.fromEntries(inherited),
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  supervisor.unref();
  if (supervisor.pid === undefined) throw new Error(`The supervisor cannot be started with ${program}.`);
  return supervisor.pid;
}

async function untilAllReady(stateDirectory: string, plan: StackPlan, supervisorPid: number): Promise<void> {
  const digest = planDigest(plan);
  const deadline = Date.now() + readyWithinSeconds * 1000;
  for (;;) {
    const record = readStackRecord(stateDirectory);
    if (record?.planDigest === digest && record.processes.every(({ state }) => state === 'ready')) return;
    if (identifyProcess(supervisorPid) === undefined) {
      throw new Error(`The supervisor ended. ${endOfLog(logFile(stateDirectory, 'supervisor'))}`);
    }
    const taken = record?.processes.find(({ role, portTaken }) => role === 'server' && portTaken);
    if (taken !== undefined) throw new PortTaken(taken.name);
    const hopeless = record?.processes.find(
      ({ state, restarts }) => state !== 'ready' && restarts >= failuresUntilGivenUp,
    );
    const late = Date.now() > deadline ? record?.processes.find(({ state }) => state !== 'ready') : undefined;
    if (hopeless !== undefined) throw new Error(describeFailure(hopeless, 'does not start'));
    if (late !== undefined)
      throw new Error(describeFailure(late, `was not ready within ${readyWithinSeconds} seconds`));
    if (Date.now() > deadline)
      throw new Error(`The supervisor did not take up its plan within ${readyWithinSeconds} seconds.`);
    await delay(50);
  }
}

function describeFailure({ name, lastEnd, log }: ProcessRecord, what: string): string {
  return `${name} ${what}${lastEnd === undefined ? '' : ` (it ${lastEnd})`}. ${endOfLog(log)}`;
}

async function stopUnlocked(stateDirectory: string): Promise<string[]> {
  const record = readStackRecord(stateDirectory);
  if (record === undefined) return [];
  const ran = stillRunning(record);
  await stopProcess(record.supervisor, { signal: 'SIGTERM', withinSeconds: secondsToStop(record) });
  // What it could not stop, or started in its last moment, stands in its last record.
  await stopOrphans(readStackRecord(stateDirectory) ?? record);
  removeStackRecord(stateDirectory);
  return ran.map(({ name }) => name);
}

function secondsToStop({ processes }: StackRecord): number {
  return processes.reduce((seconds, { stop }) => seconds + stop.withinSeconds + 5, 5);
}
