import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { isRunning, type ProcessIdentity, processIdentity, stopProcess } from './process-identity.ts';
import { processPlan, stopRequest } from './process-plan.ts';
import { readStateFile, writeStateFile } from './state-file.ts';

/** What workers and the command need to reach the servers. */
export const stackAddresses = z.object({
  /** Password included. */
  databaseUrl: z.string(),
  temporalAddress: z.string(),
  temporalNamespace: z.string(),
  /** Absent when the Temporal server is not ours. */
  temporalUiUrl: z.string().optional(),
});
export type StackAddresses = Readonly<z.infer<typeof stackAddresses>>;

/** What the supervisor is to keep running, written by the process that starts it. */
const stackPlan = z.object({ addresses: stackAddresses, processes: z.array(processPlan) });
export type StackPlan = z.infer<typeof stackPlan>;

const processRecord = z.object({
  name: z.string(),
  role: z.enum(['server', 'worker']),
  /** `waiting`: it ended, and is started again in a moment. */
  state: z.enum(['starting', 'ready', 'waiting']),
  /** Of the running process, or of the one that ended last. */
  identity: processIdentity.optional(),
  startedAt: z.string().optional(),
  restarts: z.number(),
  /** How it ended last: `was killed by SIGKILL`. */
  lastEnd: z.string().optional(),
  /** Of its last end, until it is ready: another program has a port of its. */
  portTaken: z.boolean().default(false),
  log: z.string(),
  stop: stopRequest,
});
export type ProcessRecord = z.infer<typeof processRecord>;

/** What runs, written by the supervisor at every change. */
const stackRecord = z.object({
  supervisor: processIdentity,
  startedAt: z.string(),
  /** Which plan it has taken up. */
  planDigest: z.string(),
  processes: z.array(processRecord),
});
export type StackRecord = z.infer<typeof stackRecord>;

const planFile = (stateDirectory: string) => path.join(stateDirectory, 'stack.json');
const recordFile = (stateDirectory: string) => path.join(stateDirectory, 'processes.json');

/** Where the output of one process of the stack goes. */
export const logFile = (stateDirectory: string, name: string) => path.join(stateDirectory, 'log', `${name}.log`);

export const readStackPlan = (stateDirectory: string) => readStateFile(planFile(stateDirectory), stackPlan);
export const writeStackPlan = (stateDirectory: string, plan: StackPlan) =>
  writeStateFile(planFile(stateDirectory), plan);

/** Where the servers of this stack are; undefined when it was never started. */
export const readStackAddresses = (stateDirectory: string): StackAddresses | undefined =>
  readStackPlan(stateDirectory)?.addresses;

/** What the processes of a running stack listen on; nothing when its supervisor does not run. */
export function portsOfStack(stateDirectory: string): readonly number[] {
  const record = readStackRecord(stateDirectory);
  if (record === undefined || !isRunning(record.supervisor)) return [];
  return readStackPlan(stateDirectory)?.processes.flatMap(({ ports }) => ports) ?? [];
}

export const readStackRecord = (stateDirectory: string) => readStateFile(recordFile(stateDirectory), stackRecord);
export const writeStackRecord = (stateDirectory: string, record: StackRecord) =>
  writeStateFile(recordFile(stateDirectory), record);
export const removeStackRecord = (stateDirectory: string) => rmSync(recordFile(stateDirectory), { force: true });

/** Workers together, then each server, the last started first. */
export function inStopOrder<T extends { readonly role: 'server' | 'worker' }>(processes: readonly T[]): T[][] {
  const servers = processes.filter(({ role }) => role === 'server').map((server) => [server]);
  return [processes.filter(({ role }) => role === 'worker'), ...servers.toReversed()];
}

/** What of the record runs now, supervised or not. */
export function stillRunning(record: StackRecord): (ProcessRecord & { readonly identity: ProcessIdentity })[] {
  return record.processes.flatMap((process) =>
    process.identity !== undefined && isRunning(process.identity) ? [{ ...process, identity: process.identity }] : [],
  );
}

/** Stops what a lost supervisor left running; the names of those that were. */
export async function stopOrphans(record: StackRecord): Promise<string[]> {
  const orphans = stillRunning(record);
  for (const group of inStopOrder(orphans)) {
    await Promise.all(group.map(({ identity, stop }) => stopProcess(identity, stop)));
  }
  return orphans.map(({ name }) => name);
}

/** Says which plan a supervisor has taken up. */
export function planDigest(plan: StackPlan): string {
  return createHash('sha256').update(JSON.stringify(plan)).digest('hex');
}
