import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { SnapshotVerdict } from '../../ports/snapshots.ts';
import { insideRoot } from '../root.ts';
import { generationIn, snapshotFolder, type BtrfsPlace } from '../btrfs-place.ts';
import { lookAtSubvolume, sumOfFiles } from '../btrfs-subvolume.ts';

/** Written beside each snapshot when it was whole. */
const takenSchema = z.strictObject({
  snapshotId: z.string(),
  endpointId: z.string(),
  takenAt: z.iso.datetime(),
  uuid: z.string(),
  parentUuid: z.string().nullable(),
  /** As `sumOfFiles` gives it. */
  files: z.string(),
});
export type Taken = z.infer<typeof takenSchema>;

/** Where that is written, in the snapshot's folder. */
export const takenFile = 'taken.json';

/** What was noted when a snapshot was taken. Throws when it is not there or not readable. */
export function readTaken(folder: string): Taken {
  return takenSchema.parse(JSON.parse(readFileSync(join(folder, takenFile), 'utf8')));
}

/** Looks at the snapshot itself: the file system's word on it, and what must be readable in it. */
export async function verifySnapshot(
  place: BtrfsPlace,
  endpointId: string,
  snapshotId: string,
): Promise<SnapshotVerdict> {
  const folder = snapshotFolder(place, endpointId, snapshotId);
  const root = join(folder, 'root');
  if (!existsSync(root)) return { usable: false, because: `There is no snapshot ${snapshotId} of ${endpointId}.` };
  try {
    const taken = readTaken(folder);
    const found = await lookAtSubvolume(root);
    const complaint =
      (taken.endpointId !== endpointId && 'it is of another endpoint') ||
      (found.uuid !== taken.uuid && 'another subvolume is in its place') ||
      (found.parentUuid === null && 'it is no snapshot of a root') ||
      (found.parentUuid !== taken.parentUuid && 'it was taken of another root') ||
      (!found.readOnly && 'it is writable') ||
      ((await sumOfFiles(root)) !== taken.files && 'it was written to since it was taken');
    if (complaint !== false) return { usable: false, because: `Snapshot ${snapshotId} is not usable: ${complaint}.` };
    const packages = installedPackagesIn(root);
    const generation = generationIn(root);
    return {
      usable: true,
      because: `Read-only and unchanged since ${taken.takenAt}; ${packages} packages installed, generation ${generation}.`,
    };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { usable: false, because: `Snapshot ${snapshotId} of ${endpointId} cannot be read: ${words}` };
  }
}

/** Throws unless the root has a release and a package database that lists what is installed. */
function installedPackagesIn(root: string): number {
  if (!readFileSync(insideRoot(root, 'usr/lib/os-release'), 'utf8').includes('ID=')) {
    throw new Error('its os-release names no system.');
  }
  const status = readFileSync(insideRoot(root, 'var/lib/dpkg/status'), 'utf8');
  const installed = status.match(/^Status: install ok installed$/gm)?.length ?? 0;
  if (installed === 0) throw new Error('its package database lists nothing that is installed.');
  return installed;
}
