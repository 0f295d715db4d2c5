/** Calling apt-get so that it never asks, never waits without end, and says what it means. */
import { chown, mkdir, rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { PackageManagerFailed } from '../../machine.ts';
import { firstLine, lines } from '../dpkg.ts';
import { run } from '../program.ts';
import type { Ran } from '../program.ts';

/** Own archives, so that no other `apt-get clean` takes away what was prefetched. */
export const archives = '/var/cache/patchcycle/archives';

/**
 * All of these are needed for an unattended run: without `Use-Pty=0` a script that asks on its terminal hangs,
 * without the `force-conf` pair a changed conffile ends it half-way.
 */
export const unattended = [
  '--assume-yes',
  '--quiet',
  '--no-install-recommends',
  '-oDpkg::Use-Pty=0',
  '-oDpkg::Options::=--force-confdef',
  '-oDpkg::Options::=--force-confold',
  '-oAPT::Get::AutomaticRemove=false',
  `-oDir::Cache::archives=${archives}/`,
] as const;

/** For questions: as root they would wait for the lock that an install holds, and they change nothing. */
const asking = [
  '--quiet',
  '--no-install-recommends',
  '-oDebug::NoLocking=true',
  '-oDpkg::Use-Pty=0',
  `-oDir::Cache::archives=${archives}/`,
] as const;

/** For questions about what is installed alone: reading the lists takes ten times as long as answering. */
export const withoutLists = [
  '-oDir::Etc::SourceList=/dev/null',
  '-oDir::Etc::SourceParts=/dev/null',
  '-oDir::Cache::pkgcache=',
  '-oDir::Cache::srcpkgcache=',
] as const;

/**
 * A cache that is asked by many at once answers 503 now and then; trying again at once is enough, waiting is not
 * needed.
 */
const network = [
  '-oAcquire::http::Timeout=20',
  '-oAcquire::https::Timeout=20',
  '-oAcquire::Retries=3',
  '-oAcquire::Retries::Delay=false',
] as const;
/** Owned by the user as whom apt downloads. */
const listsInWork = '/var/lib/apt/lists/partial';
/** Lists take seconds. apt 2.6.1 was seen to hang in them for ever: ended, it can be asked again. */
const updateMilliseconds = 75_000;
const lockMilliseconds = 5 * 60_000;
const lockPollMilliseconds = 1000;

/** What apt-get would do (`-s`), with whatever code it ends: it says 0 over most broken states. */
export function simulate(...args: readonly string[]): Promise<Ran> {
  return run('apt-get', ['--simulate', ...asking, ...args]);
}

/** What `apt-get check` complains of; empty when it does not. */
export async function dependencyProblems(): Promise<string> {
  const withoutReasons = await run('apt-get', ['check', ...asking, ...withoutLists]);
  if (withoutReasons.code === 0) return '';
  // Only the lists tell what is merely not installed from what cannot be.
  const ran = await run('apt-get', ['check', ...asking]);
  return lines(`${ran.stdout}\n${ran.stderr}`)
    .filter((line) => !/^(Reading|Building)/.test(line))
    .join('\n');
}

/** Refreshes the package lists; one mirror that cannot be reached fails it. Throws `PackageManagerFailed`. */
export async function update(): Promise<void> {
  const ran = await untilUnlocked(() =>
    run('apt-get', ['update', '--quiet', '-oAPT::Update::Error-Mode=any', ...network], {
      milliseconds: updateMilliseconds,
    }),
  );
  if (ran.code !== 0) throw new PackageManagerFailed(`apt-get update failed: ${complaint(ran)}`);
}

/** Downloads into our archives what installing `args` needs. Throws `PackageManagerFailed`. */
export async function download(...args: readonly string[]): Promise<void> {
  const command = [
    'install',
    '--download-only',
    ...unattended,
    ...network,
    `-oDPkg::Lock::Timeout=${lockMilliseconds / 1000}`,
  ];
  const ran = await untilUnlocked(() => run('apt-get', [...command, ...args], { milliseconds: 60 * 60_000 }));
  if (ran.code !== 0) throw new PackageManagerFailed(`apt-get could not download: ${complaint(ran)}`);
}

/**
 * Downloads exactly these versions into an empty folder, several of one package too, without asking what else they
 * need. False when one of them cannot be had; what the folder holds then is not to be used.
 */
export async function downloadInto(folder: string, specifications: readonly string[]): Promise<boolean> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const owner = await stat(listsInWork).catch(() => null);
  if (owner) await chown(folder, owner.uid, owner.gid);
  const ran = await run('apt-get', ['download', '--quiet', ...network, ...specifications], {
    directory: folder,
    milliseconds: 60 * 60_000,
  });
  return ran.code === 0;
}

/**
 * The locks of lists and archives know no time-out of apt's own: tried again until the process that holds them releases
 * them.
 */
async function untilUnlocked(call: () => Promise<Ran>): Promise<Ran> {
  const giveUpAt = Date.now() + lockMilliseconds;
  for (;;) {
    const ran = await call();
    if (ran.code === 0 || lockHolder(ran.stderr) === null || Date.now() > giveUpAt) return ran;
    await delay(lockPollMilliseconds);
  }
}

/**
 * Which process holds the lock that apt waits for, in its words `process 812 (apt-get)`; null when it waits for none.
 */
export function lockHolder(text: string): string | null {
  return /It is held by (process [0-9]+ \([^)]*\))/.exec(text)?.[1] ?? null;
}

/** What apt-get complained of, in one line. */
export function complaint(ran: Ran): string {
  const errors = lines(`${ran.stderr}\n${ran.stdout}`).filter((line) => /^(E|W): /.test(line));
  const sorted = [...errors.filter((line) => line.startsWith('E')), ...errors.filter((line) => line.startsWith('W'))];
  if (sorted.length === 0) return firstLine(ran.stderr);
  return sorted
    .slice(0, 3)
    .map((line) => line.slice(3))
    .join('; ')
    .slice(0, 1000);
}
