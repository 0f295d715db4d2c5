import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../activities/adapters/command.ts';
import { btrfsSnapshots } from '../../activities/adapters/snapshots/btrfs.ts';
import { deleteSubvolume, snapshotSubvolume } from '../../activities/adapters/btrfs-subvolume.ts';
import { snapshotWritable } from '../../fleets/lab/disk.ts';
import { endpointRoot, layoutOf } from '../../fleets/lab/layout.ts';
import { power } from '../../fleets/lab/machine.ts';
import { labSnapshotPlace } from '../../fleets/lab/places.ts';
import { agentsListen } from './boot.ts';

export type FreshState = {
  /**
   * Puts every endpoint back and boots it. Returns when all agents listen and nothing of the run before is left to be
   * written or cleaned up.
   */
  restore(): Promise<void>;
};

/** Keeps the endpoints of a lab as they are now, switched off for it. */
export async function keepFreshState(directory: string, endpoints: readonly string[]): Promise<FreshState> {
  const lab = layoutOf(directory);
  const folder = join(lab.disk, 'fresh');
  // One that is enrolled may not have written its certificate down yet.
  await agentsListen(directory, endpoints);
  mkdirSync(folder);
  await Promise.all(endpoints.map((name) => power(directory, name, 'off')));
  for (const name of endpoints) await snapshotSubvolume(endpointRoot(lab, name), join(folder, name), 'read-only');

  const snapshots = btrfsSnapshots(labSnapshotPlace(directory));
  const restoreOne = async (name: string) => {
    await power(directory, name, 'cut');
    for (const { snapshotId } of await snapshots.list(name)) await snapshots.delete(name, snapshotId);
    const root = endpointRoot(lab, name);
    await deleteSubvolume(root);
    await snapshotWritable(join(folder, name), root);
  };
  return {
    async restore() {
      await Promise.all(endpoints.map(restoreOne));
      // What was deleted is cleaned up by the kernel later, unless one waits for it.
      await run(['btrfs', 'subvolume', 'sync', lab.disk]);
      await Promise.all(endpoints.map((name) => power(directory, name, 'on')));
      await agentsListen(directory, endpoints);
      await run(['sync', '-f', lab.disk]);
    },
  };
}
