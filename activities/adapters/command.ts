import { type ChildProcess, spawn } from 'node:child_process';
import { hasWorked, killFamily, workOf } from './program-family.ts';

/** A program ended with something other than 0. The message is one sentence with the program's own last words. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly status: number | null;
  constructor(message: string, status: number | null) {
    super(message);
    this.status = status;
  }
}

export type CommandEnd = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

export type CommandOptions = {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** How a sentence names the call; by default as it was called. */
  readonly name?: string;
  /** After so long without output and without work it is ended, with all that it started. */
  readonly idleMilliseconds?: number;
};

/** What a program sees by default: a known path and language, so that its output can be read. */
export const plainEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
};

/** Longer than any program of ours waits for another machine or for a disk, and says nothing. */
const usualIdleMilliseconds = 120_000;
const looksPerLimit = 4;

/**
 * Runs a program to its end and says how it ended; never a shell. Throws only when it cannot be started, and when it was
 * ended because it sat idle.
 */
export function endOf(argv: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
  const [program, ...rest] = argv;
  if (program === undefined) throw new CommandFailed('No program was named.', null);
  const { idleMilliseconds = usualIdleMilliseconds, name = argv.join(' ') } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      env: { ...plainEnvironment, ...options.environment },
      cwd: options.workingDirectory,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      // It leads a process group, so that it can be ended with all that it started.
      detached: true,
    });
    const out: Buffer[] = [];
    const complaints: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => complaints.push(chunk));
    child.on('error', (error) => reject(new CommandFailed(`${program} cannot be started: ${error.message}.`, null)));
    child.on('close', (status) =>
      resolve({ status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(complaints).toString() }),
    );
    // A program that ends without reading its input closes the pipe; its status says what that meant.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
    endWithUs(child);
    endWhenIdle(child, idleMilliseconds, () => {
      const why = `it neither said nor did anything for ${idleMilliseconds / 1000} s`;
      reject(new CommandFailed(`"${name}" was ended: ${why}.`, null));
    });
  });
}

/** Runs a program that must end with 0 and gives its standard output. Throws `CommandFailed`. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const end = await endOf(argv, options);
  if (end.status === 0) return end.stdout;
  const words = (end.stderr.trim() || end.stdout.trim()).split('\n').slice(-3).join(' / ');
  const { name = argv.join(' ') } = options;
  throw new CommandFailed(
    `"${name}" ${end.status === null ? 'was killed' : `ended with ${end.status}`}: ${words}`,
    end.status,
  );
}

/** apt-get was seen to wait for ever for helpers that had no connection: idle is who says nothing and does nothing. */
function endWhenIdle(child: ChildProcess, limitMilliseconds: number, ended: () => void): void {
  const leader = child.pid;
  if (leader === undefined) return;
  let work = workOf(leader);
  let workedAt = performance.now();
  const sawWork = () => {
    workedAt = performance.now();
  };
  child.stdout?.on('data', sawWork);
  child.stderr?.on('data', sawWork);
  const look = setInterval(() => {
    const now = workOf(leader);
    const worked = hasWorked(work, now, limitMilliseconds / looksPerLimit / 1000);
    work = now;
    if (worked) return sawWork();
    if (performance.now() - workedAt < limitMilliseconds) return;
    killFamily(leader);
    ended();
  }, limitMilliseconds / looksPerLimit);
  child.on('close', () => clearInterval(look));
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const running = new Set<number>();

/** In a group of its own it hears no Ctrl-C; and it must not outlive us when a signal ends us. */
function endWithUs(child: ChildProcess): void {
  const leader = child.pid;
  if (leader === undefined) return;
  if (running.size === 0) for (const signal of signals) process.on(signal, onSignal);
  running.add(leader);
  child.on('close', () => {
    running.delete(leader);
    if (running.size === 0) for (const signal of signals) process.off(signal, onSignal);
  });
}

/** Ctrl-C is for all that run here. What else ends processes is for this one: it may end its work in order. */
function onSignal(signal: NodeJS.Signals): void {
  const endsUs = process.listenerCount(signal) === 1;
  if (signal !== 'SIGINT' && !endsUs) return;
  for (const leader of running) killFamily(leader);
  if (!endsUs) return;
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}
