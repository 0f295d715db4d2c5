import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { run } from './command.ts';

/** What btrfs shows in a snapshot where its source had another subvolume. */
const inodeOfMissingSubvolume = 2;

/** What the file system itself says of a subvolume. */
export type Subvolume = {
  readonly uuid: string;
  /** The subvolume it was snapshot from; null when it was not. */
  readonly parentUuid: string | null;
  readonly readOnly: boolean;
};

/** Reads `btrfs subvolume show`. Throws `CommandFailed` when the path is no subvolume. */
export async function lookAtSubvolume(path: string): Promise<Subvolume> {
  const shown = await run(['btrfs', 'subvolume', 'show', path]);
  const field = (name: string): string => new RegExp(`^\\s*${name}:\\s*(.*)$`, 'm').exec(shown)?.[1]?.trim() ?? '';
  const parent = field('Parent UUID');
  return {
    uuid: field('UUID'),
    parentUuid: parent === '-' || parent === '' ? null : parent,
    readOnly: field('Flags').split(/[ ,]+/).includes('readonly'),
  };
}

/**
 * The sum over the name, kind, size, times, inode, mode and owner of every file. A change of any file changes the time
 * of its last change, which no program can set. (The subvolume's own generation says less: being restored from raises
 * it.) Throws when a part of it is a subvolume of its own, which a snapshot does not carry.
 */
export async function sumOfFiles(root: string): Promise<string> {
  const files = await run(['find', root, '-xdev', '-printf', '%i %P %y %s %T@ %C@ %m %U %G %l\\0']);
  const missing = files.split('\0').find((file) => file.startsWith(`${inodeOfMissingSubvolume} `));
  if (missing !== undefined)
    throw new Error(`${missing.split(' ')[1]} is a subvolume of its own and not in the snapshot.`);
  return createHash('sha256').update(files).digest('hex');
}

export async function snapshotSubvolume(source: string, target: string, kind: 'read-only' | 'writable'): Promise<void> {
  const flags = kind === 'read-only' ? ['-r'] : [];
  await run(['btrfs', '-q', 'subvolume', 'snapshot', ...flags, source, target]);
}

/** Deletes a subvolume; gone is fine. Nothing may run on it. */
export async function deleteSubvolume(path: string): Promise<void> {
  if (existsSync(path)) await run(['btrfs', '-q', 'subvolume', 'delete', path]);
}

/** Everything written to the file system of a path is on the disk when this returns. */
export async function syncFileSystem(path: string): Promise<void> {
  await run(['sync', '-f', path]);
}
