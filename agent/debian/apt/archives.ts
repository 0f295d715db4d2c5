/** Packages that were fetched, as files: the new ones for the install, the old ones for the rollback. */
import { chmod, chown, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Patch } from '../../../domain/patch.ts';
import { PackageManagerFailed } from '../../machine.ts';
import { isInstalled, knownPackages } from '../dpkg.ts';
import { archives, download, downloadInto } from './apt-get.ts';

const incoming = join(dirname(archives), 'incoming');

/** apt's name for a fetched package: the epoch's colon is written `%3a`. */
export function archiveName(name: string, version: string, architecture: string): string {
  return `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`;
}

/** Names of the files that were fetched. */
export async function fetched(): Promise<ReadonlySet<string>> {
  return new Set(await readdir(archives).catch(() => []));
}

export function newArchive({ package: name, to, architecture }: Patch): string {
  return archiveName(name, to, architecture);
}

/** Where the new version is, once it was fetched. */
export function fileOf(patch: Patch): string {
  return join(archives, newArchive(patch));
}

/** How apt-get is told a package that is in its lists. */
export function specificationOf({ package: name, to, architecture }: Patch): string {
  return `${named(name, architecture)}=${to}`;
}

function oldSpecificationOf({ package: name, from, architecture }: Patch): readonly string[] {
  return from === null ? [] : [`${named(name, architecture)}=${from}`];
}

function named(name: string, architecture: string): string {
  return architecture === 'all' ? name : `${name}:${architecture}`;
}

/** See `PackageBackEnd.prefetch`. */
export async function prefetch(patches: readonly Patch[]): Promise<void> {
  if (patches.length === 0) return;
  await makeArchives();
  const installed = (await knownPackages()).filter(isInstalled);
  const versionOf = ({ package: name, architecture }: Patch) =>
    installed.find((each) => each.package === name && each.architecture === architecture)?.version;
  const wanted = patches.filter((patch) => versionOf(patch) !== patch.to);
  const kept = await dropOthers(patches);
  const absent = wanted.filter((patch) => !kept.has(newArchive(patch)));
  const absentOld = wanted.filter((patch) => oldArchive(patch).some((name) => !kept.has(name)));
  // New and old in one go where all can be had; else the new ones must be there, and the old ones may.
  await fetchAtOnce([...absent.map(specificationOf), ...absentOld.flatMap(oldSpecificationOf)]);
  const there = await fetched();
  const specified = wanted.map((patch) => (there.has(newArchive(patch)) ? fileOf(patch) : specificationOf(patch)));
  if (wanted.some((patch) => !there.has(newArchive(patch)))) await download(...specified);
  const after = await fetched();
  const stillMissing = wanted.filter((patch) => !after.has(newArchive(patch)));
  if (stillMissing.length > 0) {
    const names = stillMissing.map((patch) => `${patch.package} ${patch.to}`).join(', ');
    throw new PackageManagerFailed(`apt-get did not download ${names}; the archive may have withdrawn it.`);
  }
  await keepOld(wanted, after);
}

async function fetchAtOnce(specifications: readonly string[]): Promise<void> {
  if (specifications.length === 0) return;
  if (await downloadInto(incoming, specifications)) {
    for (const name of await readdir(incoming)) {
      await chown(join(incoming, name), 0, 0);
      await rename(join(incoming, name), join(archives, name));
    }
  }
  await rm(incoming, { recursive: true, force: true });
}

/** apt downloads as its own user, who must reach the folder. */
async function makeArchives(): Promise<void> {
  await mkdir(join(archives, 'partial'), { recursive: true });
  for (const folder of [dirname(archives), archives]) await chmod(folder, 0o755);
}

/** What no plan speaks of any more would only fill the disk. */
async function dropOthers(patches: readonly Patch[]): Promise<ReadonlySet<string>> {
  const wanted = new Set(patches.flatMap((patch) => [newArchive(patch), ...(oldArchive(patch) ?? [])]));
  const others = [...(await fetched())].filter((name) => name.endsWith('.deb') && !wanted.has(name));
  await Promise.all(others.map((name) => rm(join(archives, name))));
  return fetched();
}

export function oldArchive({ package: name, from, architecture }: Patch): readonly string[] {
  return from === null ? [] : [archiveName(name, from, architecture)];
}

/** The installed versions, where an archive still has them; where none has, only a snapshot is a way to roll back. */
async function keepOld(patches: readonly Patch[], present: ReadonlySet<string>): Promise<void> {
  const absent = patches.filter((patch) => oldArchive(patch).some((name) => !present.has(name)));
  if (absent.length === 0) return;
  await download('--reinstall', ...absent.flatMap(oldSpecificationOf)).catch((error: unknown) => {
    if (!(error instanceof PackageManagerFailed)) throw error;
  });
}
