/** What snapshots and sandboxes exist at a site, and their removal. Runs in the site's worker. */
import type { SiteReference } from '../domain/cycle.ts';
import type { SnapshotToDelete } from '../domain/snapshot-life.ts';
import type { SandboxPort } from './ports/sandboxes.ts';
import type { Snapshot, SnapshotPort } from './ports/snapshots.ts';

export type SiteToTidy = Pick<SiteReference, 'siteId' | 'taskQueue'> & { readonly clientId: string };

export type Shelf = {
  readonly endpointId: string;
  /** Null when the driver could not say what there is. */
  readonly snapshots: readonly Snapshot[] | null;
};

export type Removal = {
  readonly name: string;
  /** Null when it is gone; else why it could not be removed. */
  readonly failedBecause: string | null;
};

export function snapshotShelfActivities(ports: { readonly snapshots: SnapshotPort; readonly sandboxes: SandboxPort }) {
  const { snapshots, sandboxes } = ports;
  return {
    async listSnapshots({ endpointIds }: { endpointIds: readonly string[] }): Promise<readonly Shelf[]> {
      const shelves: Shelf[] = [];
      for (const endpointId of endpointIds)
        shelves.push({ endpointId, snapshots: await snapshots.list(endpointId).catch(() => null) });
      return shelves;
    },

    /** Deletes by name; what is gone already is deleted. One that fails leaves the others alone. */
    async deleteSnapshots({ due }: { due: readonly SnapshotToDelete[] }): Promise<readonly Removal[]> {
      const removals: Removal[] = [];
      for (const { endpointId, snapshotId } of due)
        removals.push(await removed(snapshotId, () => snapshots.delete(endpointId, snapshotId)));
      return removals;
    },

    async listSandboxes(): Promise<readonly string[]> {
      return sandboxes.list();
    },

    async destroySandboxes({ sandboxIds }: { sandboxIds: readonly string[] }): Promise<readonly Removal[]> {
      const removals: Removal[] = [];
      for (const sandboxId of sandboxIds) removals.push(await removed(sandboxId, () => sandboxes.destroy(sandboxId)));
      return removals;
    },
  };
}

async function removed(name: string, remove: () => Promise<void>): Promise<Removal> {
  return remove().then(
    () => ({ name, failedBecause: null }),
    (error: Error) => ({ name, failedBecause: error.message }),
  );
}
