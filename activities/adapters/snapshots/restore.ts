import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SnapshotFailed, type Restored } from '../../ports/snapshots.ts';
import { writeWhole } from '../../../system/whole-files.ts';
import { writeInRoot } from '../root.ts';
import { keepFailedState } from './failed-state.ts';
import {
  fileNameOf,
  generationFile,
  generationIn,
  removeUnfinished,
  snapshotFolder,
  type BtrfsPlace,
} from '../btrfs-place.ts';
import { deleteSubvolume, lookAtSubvolume, snapshotSubvolume, syncFileSystem } from '../btrfs-subvolume.ts';
import { verifySnapshot } from './verify.ts';

/** What a restore was asked for, and whether it is done. */
const restoreSchema = z.strictObject({
  restoreId: z.string(),
  snapshotId: z.string(),
  generation: z.number().int().min(1),
  done: z.boolean(),
});
type RestoreMark = z.infer<typeof restoreSchema>;

/**
 * Each step leaves something to see, and is left out when it is seen: the restore's mark, the evidence, the failed root
 * at its new place. So a restore that was cut short anywhere is finished by asking again.
 */
export async function restore(
  place: BtrfsPlace,
  endpointId: string,
  asked: Omit<RestoreMark, 'done'>,
): Promise<Restored> {
  const { root, failedRoots, evidence, restores } = place.foldersOf(endpointId);
  const kept = join(evidence, fileNameOf(asked.restoreId));
  const mark = join(restores, `${fileNameOf(asked.restoreId)}.json`);
  const earlier = readMark(mark);
  if (earlier !== null && (earlier.snapshotId !== asked.snapshotId || earlier.generation !== asked.generation)) {
    throw new SnapshotFailed(
      `Restore ${asked.restoreId} of ${endpointId} was asked for before with other words.`,
      false,
    );
  }
  if (earlier?.done === true) return { generation: asked.generation, evidenceOfFailedState: kept };

  for (const folder of [failedRoots, evidence, restores]) await mkdir(folder, { recursive: true });
  const failedRoot = join(failedRoots, fileNameOf(asked.restoreId));
  const isInPlace = existsSync(failedRoot) && existsSync(root);
  if (!isInPlace) {
    const verdict = await verifySnapshot(place, endpointId, asked.snapshotId);
    if (!verdict.usable) throw new SnapshotFailed(verdict.because, false);
    const failed = existsSync(failedRoot) ? failedRoot : root;
    refuseUnraisedGeneration(endpointId, failed, asked.generation);
    await writeWhole(mark, JSON.stringify({ ...asked, done: false }));
    await place.power.off(endpointId);
    await keepFailedState(failed, kept);
    await putInPlace(place, endpointId, asked, failedRoot);
  }
  await place.power.on(endpointId);
  await writeWhole(mark, JSON.stringify({ ...asked, done: true }));
  return { generation: asked.generation, evidenceOfFailedState: kept };
}

async function putInPlace(
  place: BtrfsPlace,
  endpointId: string,
  asked: Omit<RestoreMark, 'done'>,
  failedRoot: string,
): Promise<void> {
  const { root, failedRoots } = place.foldersOf(endpointId);
  await removeUnfinished(failedRoots);
  await removeEarlierFailures(failedRoots, failedRoot);
  const incoming = join(failedRoots, `.incoming-${process.pid}`);
  await mkdir(incoming);
  const fresh = join(incoming, 'root');
  await snapshotSubvolume(join(snapshotFolder(place, endpointId, asked.snapshotId), 'root'), fresh, 'writable');
  await place.limitSpace(fresh);
  await writeInRoot(fresh, generationFile, `${asked.generation}\n`, 0o600);
  await syncFileSystem(fresh);
  if (!existsSync(failedRoot)) await (existsSync(root) ? rename(root, failedRoot) : mkdir(failedRoot));
  await rename(fresh, root);
  await syncFileSystem(root);
  await rm(incoming, { recursive: true });
}

/** A generation that does not rise would let the failed machine's late operations pass. */
function refuseUnraisedGeneration(endpointId: string, failedRoot: string, generation: number): void {
  let current: number;
  try {
    current = generationIn(failedRoot);
  } catch {
    return;
  }
  if (generation > current) return;
  throw new SnapshotFailed(
    `${endpointId} has generation ${current}: a restore must raise it, not set ${generation}.`,
    false,
  );
}

function readMark(file: string): RestoreMark | null {
  return existsSync(file) ? restoreSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : null;
}

/** One failed root is kept, the last one: their evidence was copied out, and each may be as large as the machine. */
async function removeEarlierFailures(failedRoots: string, but: string): Promise<void> {
  const earlier = readdirSync(failedRoots).map((name) => join(failedRoots, name));
  for (const path of earlier) if (path !== but) await removeFailedRoot(path);
}

async function removeFailedRoot(path: string): Promise<void> {
  const isSubvolume = await lookAtSubvolume(path).then(
    () => true,
    () => false,
  );
  await (isSubvolume ? deleteSubvolume(path) : rm(path, { recursive: true }));
}
