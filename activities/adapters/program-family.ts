/** A program with all that it started: what they have done so far, and how they are ended together. */
import { readFileSync, readdirSync } from 'node:fs';

/** What a family of processes has done so far, as the kernel counts it. */
export type Work = {
  readonly pids: readonly number[];
  /** Read and written by system calls: files, pipes and sockets alike. */
  readonly bytes: number;
  readonly cpuSeconds: number;
};

type Process = { readonly pid: number; readonly parent: number; readonly group: number; readonly cpuSeconds: number };

/** The unit in which Linux tells every program how long a process has computed. */
const ticksPerSecond = 100;

/** A program that only looks twice a second whether something has come computes far less. */
const leastShareOfCpu = 0.01;

/** The work of a program that leads a process group of its own. Nothing where the kernel does not tell (macOS). */
export function workOf(leader: number): Work {
  const family = familyOf(leader);
  return {
    pids: family.map(({ pid }) => pid),
    bytes: family.reduce((sum, { pid }) => sum + bytesOf(pid), 0),
    cpuSeconds: family.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
  };
}

/** Whether something was done in the seconds between the two. */
export function hasWorked(before: Work, now: Work, seconds: number): boolean {
  return (
    before.pids.join(' ') !== now.pids.join(' ') ||
    before.bytes !== now.bytes ||
    now.cpuSeconds - before.cpuSeconds > seconds * leastShareOfCpu
  );
}

/** Ends the program's process group at once, and whoever of its descendants has left that. */
export function killFamily(leader: number): void {
  for (const pid of [-leader, ...familyOf(leader).map((each) => each.pid)]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

function familyOf(leader: number): readonly Process[] {
  const all = readProcesses();
  const family = new Map<number, Process>();
  for (let before = -1; before !== family.size;) {
    before = family.size;
    for (const each of all) {
      if (each.pid === leader || each.group === leader || family.has(each.parent)) family.set(each.pid, each);
    }
  }
  return [...family.values()].toSorted((one, other) => one.pid - other.pid);
}

function readProcesses(): readonly Process[] {
  const names = readIfThere(() => readdirSync('/proc')) ?? [];
  return names.filter((name) => /^\d+$/.test(name)).flatMap((name) => readProcess(Number(name)) ?? []);
}

/** Fields as in proc(5), counted behind the name, which may hold blanks and brackets. */
function readProcess(pid: number): Process | undefined {
  const stat = readIfThere(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Of its own and of children that have ended, in user and kernel mode.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid, parent: Number(fields[1]), group: Number(fields[2]), cpuSeconds: ticks / ticksPerSecond };
}

function bytesOf(pid: number): number {
  const io = readIfThere(() => readFileSync(`/proc/${pid}/io`, 'utf8')) ?? '';
  return [...io.matchAll(/^[rw]char: (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Processes end while they are read. */
function readIfThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
