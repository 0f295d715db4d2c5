/** Which processes still run on files that an upgrade has replaced: the kernel marks them in /proc/PID/maps. */
import { readFile, readdir } from 'node:fs/promises';

export type StaleProcess = {
  readonly pid: number;
  /** The systemd unit it belongs to; null for what is no service (a login, a process of another container). */
  readonly service: string | null;
  /** One of the replaced files. */
  readonly file: string;
};

/** Processes come and go meanwhile: what cannot be read any more is gone. */
export async function findStaleProcesses(): Promise<readonly StaleProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(readStale));
  return found.filter((each) => each !== null);
}

async function readStale(pid: number): Promise<StaleProcess | null> {
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8').catch(() => '');
  const file = replacedFile(maps);
  if (file === null) return null;
  const cgroup = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  return { pid, service: serviceOf(cgroup), file };
}

/** Libraries and programs of packages lie here; deleted scratch files, shared memory and /dev/zero do not count. */
const packaged = /^\/(usr|lib|lib32|lib64|bin|sbin|opt)\//;

/** The first file in /proc/PID/maps that was replaced or removed since it was mapped; null when there is none. */
export function replacedFile(maps: string): string | null {
  for (const line of maps.split('\n')) {
    const [, path] = /^\S+ \S+ \S+ \S+ [1-9][0-9]* +(\/.*) \(deleted\)$/.exec(line) ?? [];
    if (path !== undefined && packaged.test(path)) return path;
  }
  return null;
}

/** From /proc/PID/cgroup, of either version; null for sessions and user managers. */
export function serviceOf(cgroup: string): string | null {
  const paths = cgroup.split('\n').flatMap((line) => /^(?:0:|[0-9]+:name=systemd):(\/.*)$/.exec(line)?.[1] ?? []);
  for (const path of paths) {
    if (/\/user\.slice(\/|$)/.test(path)) return null;
    const service = path.split('/').findLast((part) => part.endsWith('.service'));
    if (service !== undefined) return service;
  }
  return null;
}
