import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { identifyProcess, killGroup, type ProcessIdentity, stopProcess } from './process-identity.ts';
import type { ProcessPlan } from './process-plan.ts';
import { type LogPosition, waitUntilReady } from './readiness.ts';
import { PortTaken, saysPortTaken } from './taken-port.ts';

/** One start of a planned process. */
export type LaunchedProcess = {
  readonly identity: ProcessIdentity;
  readonly log: LogPosition;
  /** Settles when it has ended, with how: `exited with 1`, `was killed by SIGKILL`. */
  readonly ended: Promise<string>;
};

const runner = fileURLToPath(new URL('../programs/run.mjs', import.meta.url));
const logBytesBeforeItIsPutAside = 10 * 1024 * 1024;

/**
 * Starts the process in a session of its own, its output appended to the log file.
 * @throws Error when the program cannot be started at all
 */
export async function launch(plan: ProcessPlan, logFile: string): Promise<LaunchedProcess> {
  const log = openLog(logFile);
  try {
    const [program, ...args] = plan.argv;
    const child = spawn(program, args, {
      cwd: plan.workingDirectory,
      env: plan.role === 'worker' ? { ...process.env, ...plan.environment } : plan.environment,
      detached: true,
      stdio: ['ignore', log.descriptor, log.descriptor],
      ...plan.user,
    });
    const ended = once(child, 'exit').then(([code, signal]) => {
      // What it started itself must not outlive it: a second start would meet it.
      if (child.pid !== undefined) killGroup(child.pid);
      return signal === null ? `exited with ${code}` : `was killed by ${signal}`;
    });
    ended.catch(() => undefined);
    await once(child, 'spawn').catch((error: Error) => {
      throw new Error(`${plan.name} cannot be started: ${error.message}`, { cause: error });
    });
    // A child that has died already is a zombie until Node has told us, so its pid is still its own.
    const identity = identifyProcess(child.pid ?? 0) ?? { pid: child.pid ?? 0, startTime: 'ended at once' };
    return { identity, log: { file: logFile, offset: log.offset }, ended };
  } finally {
    closeSync(log.descriptor);
  }
}

/**
 * Starts a process and waits until it is ready, for callers that need one server and no supervisor.
 * @throws PortTaken when its log says so, Error with the end of its log when it ends, or is not ready in time
 */
export async function launchUntilReady(
  plan: ProcessPlan,
  logFile: string,
  withinSeconds = 60,
): Promise<LaunchedProcess & { readonly stop: () => Promise<void> }> {
  const launched = await launch(plan, logFile);
  const outcome = await untilReadyOrEnded(plan, launched, withinSeconds);
  const stop = () => stopProcess(launched.identity, plan.stop);
  if (outcome === 'ready') return { ...launched, stop };
  await stop();
  if (saysPortTaken(launched.log)) throw new PortTaken(plan.name);
  throw new Error(`${plan.name} ${outcome}. ${endOfLog(logFile)}`);
}

/** `ready`, or in words why not. */
async function untilReadyOrEnded(plan: ProcessPlan, launched: LaunchedProcess, withinSeconds: number): Promise<string> {
  const given = new AbortController();
  const late = delay(withinSeconds * 1000, `was not ready within ${withinSeconds} seconds`, { signal: given.signal });
  late.catch(() => undefined);
  try {
    return await Promise.race([
      waitUntilReady(plan.ready, launched.log, given.signal).then(() => 'ready'),
      launched.ended,
      late,
    ]);
  } finally {
    given.abort();
  }
}

/** The last lines of a log, for a message. */
export function endOfLog(logFile: string): string {
  if (!existsSync(logFile)) return `It wrote no log ${logFile}.`;
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-10);
  return `Its log ${logFile} ends:\n  ${lines.join('\n  ')}`;
}

/** The argv that runs a TypeScript file of ours in one process, whatever the working directory. */
export function nodeArgv(file: URL, ...args: string[]): [string, ...string[]] {
  return [process.execPath, runner, fileURLToPath(file), ...args];
}

function openLog(file: string): { readonly descriptor: number; readonly offset: number } {
  mkdirSync(path.dirname(file), { recursive: true });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logBytesBeforeItIsPutAside) renameSync(file, `${file}.1`);
  const descriptor = openSync(file, 'a', 0o600);
  return { descriptor, offset: size > logBytesBeforeItIsPutAside ? 0 : size };
}
