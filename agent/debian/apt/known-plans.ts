/**
 * Plans that were tried by a dry run, for as long as nothing has changed that a dry run rests on. A dry run takes as
 * long as apt needs to think, and the same one is asked for when updates are listed, when they are planned and when they
 * are installed.
 */
import { createHash } from 'node:crypto';
import { readFile, readdir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import type { Patch } from '../../../domain/patch.ts';
import { packageName, packageVersion } from '../../../protocol/agent.ts';
import { makeFolderDurably, writeWhole } from '../../../system/whole-files.ts';
import { archives } from './apt-get.ts';
import { readJsonFile } from './run-files.ts';
import type { SimulatedInstall } from './simulation.ts';

const fileIn = (root: string) => join(root, dirname(archives), 'known-plan.json');
/** What apt reads: dpkg's database and its own settings whole, the lists by what the kernel says of their files. */
const read = ['/var/lib/dpkg/status', '/var/lib/dpkg/arch', '/var/lib/apt/extended_states'] as const;
const settings = '/etc/apt';
const lists = '/var/lib/apt/lists';

const knownPlanSchema = z.strictObject({
  state: z.string(),
  installs: z.array(
    z.strictObject({
      package: packageName,
      architecture: z.string(),
      from: packageVersion.nullable(),
      to: packageVersion,
      origins: z.array(z.string()),
    }),
  ),
});

/** A digest of everything that decides what apt-get would do. Files that come or go meanwhile change it. */
export async function packageState(root = '/'): Promise<string> {
  const digest = createHash('sha256');
  for (const path of [...read, ...(await filesUnder(root, settings))]) {
    digest.update(`${path}\0`).update(await readFile(join(root, path)).catch(() => 'absent'));
  }
  for (const path of await filesUnder(root, lists)) {
    const seen = await stat(join(root, path), { bigint: true }).catch(() => null);
    digest.update(`${path}\0${seen?.ino}\0${seen?.size}\0${seen?.mtimeNs}\0${seen?.ctimeNs}\0`);
  }
  return digest.digest('hex');
}

/** What installing exactly these does, when it is known to install them and to do nothing else; null when it is not. */
export async function knownPlan(
  state: string,
  patches: readonly Patch[],
  root = '/',
): Promise<readonly SimulatedInstall[] | null> {
  const known = await readJsonFile(fileIn(root), knownPlanSchema);
  return known?.state === state && keyOf(known.installs) === keyOf(patches) ? known.installs : null;
}

/** Keeps the last plan that installs what it names and does nothing else. `state` is from before the dry run. */
export async function rememberPlan(state: string, installs: readonly SimulatedInstall[], root = '/'): Promise<void> {
  if ((await packageState(root)) !== state) return;
  await makeFolderDurably(dirname(fileIn(root)));
  await writeWhole(fileIn(root), JSON.stringify({ state, installs }));
}

function keyOf(patches: readonly Patch[]): string {
  return patches
    .map(({ package: name, architecture, to }) => `${name}:${architecture}=${to}`)
    .toSorted()
    .join(' ');
}

/** Their paths from the root. */
async function filesUnder(root: string, folder: string): Promise<readonly string[]> {
  const found = await readdir(join(root, folder), { withFileTypes: true, recursive: true }).catch(() => []);
  return found
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join('/', relative(root, join(entry.parentPath, entry.name))))
    .toSorted();
}
