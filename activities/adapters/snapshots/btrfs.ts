import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { SnapshotFailed, type SnapshotPort } from '../../ports/snapshots.ts';
import { writeWhole } from '../../../system/whole-files.ts';
import { takingTurns } from '../turns.ts';
import { removeSnapshotFolder, removeUnfinished, snapshotFolder, type BtrfsPlace } from '../btrfs-place.ts';
import { restore } from './restore.ts';
import { lookAtSubvolume, snapshotSubvolume, sumOfFiles, syncFileSystem } from '../btrfs-subvolume.ts';
import { readTaken, takenFile, verifySnapshot, type Taken } from './verify.ts';
import type { Snapshot } from '../../../domain/snapshots/inventory.ts';

/**
 * Snapshots of whole machines whose roots are btrfs subvolumes, taken from outside like a hypervisor's.
 * A snapshot is a folder with the read-only subvolume and what was noted when it was taken; it gets its name last.
 */
export function btrfsSnapshots(place: BtrfsPlace): SnapshotPort {
  const inTurn = takingTurns();
  return {
    create: (endpointId, snapshotId) => inTurn(endpointId, () => create(place, endpointId, snapshotId)),
    verify: (endpointId, snapshotId) => verifySnapshot(place, endpointId, snapshotId),
    restore: (endpointId, snapshotId, asked) =>
      inTurn(endpointId, () => restore(place, endpointId, { ...asked, snapshotId })),
    delete: (endpointId, snapshotId) =>
      inTurn(endpointId, () => removeSnapshotFolder(snapshotFolder(place, endpointId, snapshotId))),
    list: (endpointId) => Promise.resolve(list(place, endpointId)),
  };
}

async function create(place: BtrfsPlace, endpointId: string, snapshotId: string): Promise<Snapshot> {
  const { root, snapshots } = place.foldersOf(endpointId);
  const folder = snapshotFolder(place, endpointId, snapshotId);
  if (existsSync(join(folder, 'root'))) return snapshotIn(folder);
  if (!existsSync(root)) throw new SnapshotFailed(`${endpointId} has no root at ${root}: nothing to snapshot.`, true);

  await mkdir(snapshots, { recursive: true });
  await removeUnfinished(snapshots);
  await removeSnapshotFolder(folder);
  const unfinished = join(snapshots, `.taking-${process.pid}`);
  await mkdir(unfinished);
  const takenAt = await takeWhileStill(place, endpointId, root, join(unfinished, 'root'));
  const { uuid, parentUuid } = await lookAtSubvolume(join(unfinished, 'root'));
  const files = await sumOfFiles(join(unfinished, 'root')).catch((error: Error) => {
    throw new SnapshotFailed(`${endpointId} cannot be snapshot as a whole: ${error.message}`, false);
  });
  const taken = { snapshotId, endpointId, takenAt, uuid, parentUuid, files } satisfies Taken;
  await writeWhole(join(unfinished, takenFile), JSON.stringify(taken));
  await rename(unfinished, folder);
  await syncFileSystem(snapshots);
  return snapshotIn(folder);
}

/** A btrfs snapshot of a machine that runs on is not one point in time, so it is held still, and synced, for that long. */
async function takeWhileStill(place: BtrfsPlace, endpointId: string, root: string, target: string): Promise<string> {
  // What is written now need not be written while everything stands still.
  await syncFileSystem(root);
  return place.power.holdStill(endpointId, async () => {
    await syncFileSystem(root);
    const takenAt = new Date().toISOString();
    await snapshotSubvolume(root, target, 'read-only');
    return takenAt;
  });
}

function list(place: BtrfsPlace, endpointId: string): readonly Snapshot[] {
  const { snapshots } = place.foldersOf(endpointId);
  if (!existsSync(snapshots)) return [];
  return readdirSync(snapshots)
    .filter((name) => !name.startsWith('.') && existsSync(join(snapshots, name, 'root')))
    .map((name) => ({ snapshotId: decodeURIComponent(name), endpointId, takenAt: takenAtOf(join(snapshots, name)) }))
    .toSorted((one, other) => one.takenAt.localeCompare(other.takenAt));
}

/** A snapshot whose note was lost is still there, and must be found to be deleted. */
function takenAtOf(folder: string): string {
  try {
    return readTaken(folder).takenAt;
  } catch {
    return statSync(folder).birthtime.toISOString();
  }
}

function snapshotIn(folder: string): Snapshot {
  const { snapshotId, endpointId, takenAt } = readTaken(folder);
  return { snapshotId, endpointId, takenAt };
}
