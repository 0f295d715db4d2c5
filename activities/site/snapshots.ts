/** What snapshots and sandboxes exist at a site, and their removal. Runs in the site's worker. */
import type { ListedSnapshots, Removal } from '../../domain/snapshots/inventory.ts';
import type { SnapshotToDelete } from '../../domain/snapshots/retention.ts';
import type { SandboxPort } from '../ports/sandboxes.ts';
import type { SnapshotPort } from '../ports/snapshots.ts';
import { bound } from '../bound.ts';

type Ports = { readonly snapshots: SnapshotPort; readonly sandboxes: SandboxPort };

export function snapshotActivities(ports: Ports) {
  return bound(ports, {
    listSnapshots,
    deleteSnapshots,
    listSandboxes,
    destroySandboxes,
  });
}

async function listSnapshots(
  { snapshots }: Ports,
  { endpointIds }: { endpointIds: readonly string[] },
): Promise<readonly ListedSnapshots[]> {
  const listed: ListedSnapshots[] = [];
  for (const endpointId of endpointIds)
    listed.push({ endpointId, snapshots: await snapshots.list(endpointId).catch(() => null) });
  return listed;
}

/** Deletes by name; what is gone already is deleted. One that fails leaves the others alone. */
async function deleteSnapshots(
  { snapshots }: Ports,
  { due }: { due: readonly SnapshotToDelete[] },
): Promise<readonly Removal[]> {
  const removals: Removal[] = [];
  for (const { endpointId, snapshotId } of due)
    removals.push(await removed(snapshotId, () => snapshots.delete(endpointId, snapshotId)));
  return removals;
}

async function listSandboxes({ sandboxes }: Ports): Promise<readonly string[]> {
  return sandboxes.list();
}

async function destroySandboxes(
  { sandboxes }: Ports,
  { sandboxIds }: { sandboxIds: readonly string[] },
): Promise<readonly Removal[]> {
  const removals: Removal[] = [];
  for (const sandboxId of sandboxIds) removals.push(await removed(sandboxId, () => sandboxes.destroy(sandboxId)));
  return removals;
}

async function removed(name: string, remove: () => Promise<void>): Promise<Removal> {
  return remove().then(
    () => ({ name, failedBecause: null }),
    (error: Error) => ({ name, failedBecause: error.message }),
  );
}
