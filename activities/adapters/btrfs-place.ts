import { readFileSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PowerPort } from '../ports/power.ts';
import { SnapshotFailed } from '../ports/snapshots.ts';
import { insideRoot } from './root.ts';
import { deleteSubvolume } from './btrfs-subvolume.ts';

/** Folders of one endpoint. `root` is a btrfs subvolume; `snapshots` and `failedRoots` are on its file system. */
export type EndpointFolders = {
  readonly root: string;
  readonly snapshots: string;
  readonly failedRoots: string;
  /** What was copied out of failed roots. */
  readonly evidence: string;
  /** One file for each restore. */
  readonly restores: string;
};

/** What the driver needs of the place it works in. */
export type BtrfsPlace = {
  readonly power: PowerPort;
  /** Throws when there is no such endpoint. */
  foldersOf(endpointId: string): EndpointFolders;
  /** Gives a new root its quota. */
  limitSpace(subvolume: string): Promise<void>;
};

export const generationFile = 'var/lib/patchcycle/generation';

/** The generation a root holds. Throws unless the agent's state is there. */
export function generationIn(root: string): number {
  const text = readFileSync(insideRoot(root, generationFile), 'utf8');
  if (!/^[1-9]\d*\n?$/.test(text)) throw new Error(`its ${generationFile} holds no generation.`);
  return Number(text);
}

/** Removes what an attempt that was cut short left in a folder: the names that begin with a dot. */
export async function removeUnfinished(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) if (name.startsWith('.')) await removeSnapshotFolder(join(folder, name));
}

/** Removes a folder that holds a subvolume `root`; gone is fine. */
export async function removeSnapshotFolder(folder: string): Promise<void> {
  await deleteSubvolume(join(folder, 'root'));
  await rm(folder, { recursive: true, force: true });
}

/** Where a snapshot is kept. */
export function snapshotFolder(place: BtrfsPlace, endpointId: string, snapshotId: string): string {
  return join(place.foldersOf(endpointId).snapshots, fileNameOf(snapshotId));
}

/** An id as a file name that can be read back; names with a leading dot are ours. */
export function fileNameOf(id: string): string {
  if (id === '' || id.startsWith('.')) throw new SnapshotFailed(`"${id}" cannot name a snapshot or restore.`, false);
  return encodeURIComponent(id);
}
