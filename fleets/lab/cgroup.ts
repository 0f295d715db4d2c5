import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scripts } from './scripts.ts';
import { until } from './until.ts';

/**
 * Control groups hold what the lab runs: each machine in one of its own, so that it can be frozen as a whole and its
 * plug be pulled. On a pure version 2 host there is one hierarchy; on a hybrid host a process must be moved in each.
 */
const root = '/sys/fs/cgroup';

/** The hierarchies a process of ours is moved in; the version 2 one is among them. */
function hierarchies(): readonly string[] {
  if (existsSync(join(root, 'cgroup.controllers'))) return [root];
  // cpuset would need cpus assigned before it takes a process; these take one at once. The one that is asked which
  // processes are in the cgroup, and that kills, comes first: every process in another is in it.
  return ['unified', 'systemd', 'memory', 'cpuacct', 'pids'].map((name) => join(root, name)).filter(existsSync);
}

function unified(): string {
  return existsSync(join(root, 'cgroup.controllers')) ? root : join(root, 'unified');
}

/** Makes the cgroup in every hierarchy and gives its folders, for `enter.sh`. */
function createCgroup(cgroup: string): readonly string[] {
  const folders = hierarchies().map((hierarchy) => join(hierarchy, cgroup));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  return folders;
}

/** The argv that runs a command inside a cgroup, which is made when it is not there. */
export function commandInCgroup(cgroup: string, command: readonly string[]): readonly string[] {
  return ['/bin/sh', scripts.enter, ...createCgroup(cgroup), '--', ...command];
}

/** Whether a process lives in the cgroup or below. */
export function isPopulated(cgroup: string): boolean {
  return eventOf(cgroup, 'populated');
}

/**
 * Pulls the plug: every process in the cgroup and below ends at once, and so does any that was on its way in. Returns
 * when none is left.
 */
export async function killCgroup(cgroup: string): Promise<void> {
  const kill = () => {
    if (!isPopulated(cgroup)) return true;
    writeFileSync(join(unified(), cgroup, 'cgroup.kill'), '1');
    return false;
  };
  await until(`cgroup ${cgroup} is empty`, kill, 30_000);
}

/** Names of the cgroups directly inside. */
export function cgroupsIn(cgroup: string): readonly string[] {
  const folder = join(unified(), cgroup);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** Ids of every process in the cgroup and below, as the host counts them. */
export function processesIn(cgroup: string): readonly number[] {
  return foldersOf(join(unified(), cgroup)).flatMap((folder) =>
    (readIfThere(join(folder, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number),
  );
}

/**
 * Freezes every process of the cgroup while `act` runs. A helper outside thaws it when this process lets go of a pipe,
 * so that a caller who is killed in between leaves nothing frozen.
 */
export async function whileFrozen<Result>(cgroup: string, act: () => Promise<Result>): Promise<Result> {
  const freeze = join(unified(), cgroup, 'cgroup.freeze');
  if (!existsSync(freeze)) return act();
  const thaw = spawn('/bin/sh', [scripts.thaw, freeze], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const thawed = once(thaw, 'exit');
  try {
    writeFileSync(freeze, '1');
    await until(`cgroup ${cgroup} is frozen`, () => eventOf(cgroup, 'frozen'), 10_000);
    return await act();
  } finally {
    thaw.stdin.end();
    await thawed;
  }
}

/** Ends a freeze that was left behind. */
export function thawCgroup(cgroup: string): void {
  const freeze = join(unified(), cgroup, 'cgroup.freeze');
  if (existsSync(freeze)) writeFileSync(freeze, '0');
}

/**
 * Ends every process of the cgroup and removes it, and those below, from every hierarchy; gone is fine. Again while one
 * comes in that was on its way: the process that started it may have been killed since.
 */
export async function removeCgroup(cgroup: string): Promise<void> {
  await until(
    `cgroup ${cgroup} is removed`,
    async () => {
      await killCgroup(cgroup);
      return isRemoved(cgroup);
    },
    30_000,
  );
}

function isRemoved(cgroup: string): boolean {
  try {
    for (const hierarchy of hierarchies()) {
      for (const folder of foldersOf(join(hierarchy, cgroup)).toReversed()) rmdirSync(folder);
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EBUSY') return false;
    throw error;
  }
}

function eventOf(cgroup: string, event: 'populated' | 'frozen'): boolean {
  return readIfThere(join(unified(), cgroup, 'cgroup.events'))?.includes(`${event} 1`) ?? false;
}

/** The folder and all below, parents first. */
function foldersOf(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [folder, ...below.flatMap((entry) => foldersOf(join(folder, entry.name)))];
}

/** Cgroups come and go while they are read. */
function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
