import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rename, rm, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from '../../activities/adapters/command.ts';
import { commandInCgroup, removeCgroup } from './cgroup.ts';
import { closeDisk } from './disk.ts';
import type { Mirror } from './mirror.ts';

/** Caches of the lab outlive every lab; `down` leaves them. */
export const cacheDirectory = '/var/cache/patchcycle/lab';

/**
 * What the base is built from. Taken from the release's `main` alone, as it stood at its last point release, so that
 * the security updates since are genuinely pending on every endpoint. Raise `recipe` when the steps below change.
 */
const ingredients = {
  recipe: 1,
  suite: 'bookworm',
  packages: ['systemd-sysv', 'dbus', 'ca-certificates', 'openssl', 'curl', 'python3-minimal'],
} as const;

/** The Debian release of the lab's endpoints. */
export const suite = ingredients.suite;

const diskBytes = 24 * 1024 ** 3;

/**
 * The image of a disk that holds the base as subvolume `base`, built when it is not in the cache (about half a minute
 * to a minute and a half), keyed by what it is built from.
 */
export async function ensureBase(mirror: Mirror, say: (line: string) => void): Promise<string> {
  const architecture = (await run(['dpkg', '--print-architecture'])).trim();
  const key = createHash('sha256')
    .update(JSON.stringify({ ...ingredients, architecture }))
    .digest('hex')
    .slice(0, 12);
  const image = join(cacheDirectory, `base-${key}.img`);
  mkdirSync(cacheDirectory, { recursive: true });
  if (existsSync(image)) return image;
  say(`building the base (${suite}, once)`);
  await sweepAbandonedBuilds();
  const unfinished = join(cacheDirectory, `building-${process.pid}`);
  try {
    await build(unfinished, mirror);
    await rename(`${unfinished}.img`, image);
  } finally {
    await discard(unfinished);
  }
  return image;
}

async function build(at: string, mirror: Mirror): Promise<void> {
  await writeFile(`${at}.img`, '');
  await truncate(`${at}.img`, diskBytes);
  await run(['mkfs.btrfs', '-q', '-m', 'single', `${at}.img`]);
  mkdirSync(at);
  // Compressed here only: a small image is copied fast, and what endpoints write later costs them no CPU.
  await run(['mount', '-o', 'loop,noatime,compress=zstd', `${at}.img`, at]);
  const base = join(at, 'base');
  await run(['btrfs', 'quota', 'enable', at]);
  await run(['btrfs', '-q', 'subvolume', 'create', base]);
  const debootstrap = [
    'mmdebstrap',
    '--mode=root',
    '--variant=minbase',
    '--components=main',
    `--include=${ingredients.packages.join(',')}`,
    ...mirror.aptOptions.map((option) => `--aptopt=${option}`),
    suite,
    base,
    mirror.main,
  ];
  mkdirSync(`${at}.tmp`);
  await run(commandInCgroup(buildCgroup(at), debootstrap), { environment: { TMPDIR: `${at}.tmp` } });
  await removeIdentity(base);
  await run(['btrfs', 'property', 'set', base, 'ro', 'true']);
  await run(['sync', '-f', at]);
  await run(['fstrim', at]);
  await closeDisk(at, `${at}.img`);
}

/** What would make all endpoints one machine, and what the build left that no machine would have. */
async function removeIdentity(base: string): Promise<void> {
  await writeFile(join(base, 'etc/machine-id'), '');
  const leftovers = [
    'etc/hostname',
    'etc/resolv.conf',
    'etc/apt/apt.conf.d/99mmdebstrap',
    'usr/sbin/policy-rc.d',
    'var/lib/dbus/machine-id',
    'var/lib/systemd/random-seed',
  ];
  for (const leftover of leftovers) await rm(join(base, leftover), { force: true });
}

/** Removes what builds left whose process is gone. */
export async function sweepAbandonedBuilds(): Promise<void> {
  if (!existsSync(cacheDirectory)) return;
  const builders = readdirSync(cacheDirectory).map((name) => /^building-(\d+)/.exec(name)?.[1]);
  for (const pid of new Set(builders)) {
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await discard(join(cacheDirectory, `building-${pid}`));
  }
}

async function discard(unfinished: string): Promise<void> {
  await removeCgroup(buildCgroup(unfinished));
  await closeDisk(unfinished, `${unfinished}.img`);
  await rm(`${unfinished}.img`, { force: true });
  for (const folder of [unfinished, `${unfinished}.tmp`]) await rm(folder, { recursive: true, force: true });
}

/** What a build runs outlives a builder that is killed, and would keep its disk busy. */
function buildCgroup(unfinished: string): string {
  return `patchcycle-${basename(unfinished)}`;
}
