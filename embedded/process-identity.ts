import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { StopRequest } from './process-plan.ts';

/**
 * A pid is used again after its process has died; the pid with its start time is not. The start time is in the system's
 * own words, to be compared and not read.
 */
export const processIdentity = z.object({ pid: z.number(), startTime: z.string() });
export type ProcessIdentity = Readonly<z.infer<typeof processIdentity>>;

/** Who this pid is now; undefined when nothing runs under it (a zombie does not run). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const startTime = process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** True while exactly this process runs, not another one under its pid. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTime === identity.startTime;
}

/** Asks the process to end, waits, and kills its whole group when it does not. Does nothing when it has ended. */
export async function stopProcess(identity: ProcessIdentity, request: StopRequest): Promise<void> {
  if (!isRunning(identity)) return;
  signal(identity.pid, request.signal);
  if (await hasEnded(identity, request.withinSeconds)) return;
  killGroup(identity.pid);
  await hasEnded(identity, 5);
}

/** Kills what is left of a process group; each process we start leads one of its own. */
export function killGroup(leaderPid: number): void {
  signal(-leaderPid, 'SIGKILL');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has just ended; EPERM is how macOS says so of a group.
    if (!isCode(error, 'ESRCH') && !isCode(error, 'EPERM')) throw error;
  }
}

async function hasEnded(identity: ProcessIdentity, withinSeconds: number): Promise<boolean> {
  const deadline = Date.now() + withinSeconds * 1000;
  while (isRunning(identity)) {
    if (Date.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

/** Linux: ticks since boot, and which boot. Fields are counted behind the name, which may hold blanks and brackets. */
function startTimeFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X' || ticks === undefined) return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${ticks}`;
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ESRCH')) return undefined;
    throw error;
  }
}

function startTimeFromPs(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const [state, ...startTime] = stdout.trim().split(/\s+/);
  return state === undefined || state === '' || state.startsWith('Z') ? undefined : startTime.join(' ');
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
