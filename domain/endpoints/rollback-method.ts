/** By which way an endpoint is rolled back: its whole machine, or its packages alone where client data must survive. */
import type { Patch } from '../patch.ts';

export type RollbackMethod =
  | { readonly by: 'machine'; readonly snapshotId: string }
  | { readonly by: 'packages' }
  | { readonly by: 'none'; readonly because: readonly string[] };

/**
 * After a failed install. The policy's way is the only one: where client data must survive, no snapshot is restored.
 */
export function rollbackMethodAfterFailure(what: {
  readonly rollback: RollbackRule;
  readonly snapshotId: string | null;
}): RollbackMethod {
  const { rollback, snapshotId } = what;
  if (rollback === 'packages') return { by: 'packages' };
  if (snapshotId !== null) return { by: 'machine', snapshotId };
  return { by: 'none', because: ['there is no snapshot to go back to'] };
}

/** A snapshot as it was found when it was looked at, just before. */
export type FoundSnapshot = { readonly snapshotId: string; readonly usable: boolean; readonly because: string };

/**
 * By a person's order: the snapshot while it is kept and usable, else the packages, which need an agent that answers.
 */
export function rollbackMethodByOrder(what: {
  readonly rollback: RollbackRule;
  /** Null when none is kept. */
  readonly snapshot: FoundSnapshot | null;
  readonly answers: boolean;
}): RollbackMethod {
  const { rollback, snapshot, answers } = what;
  if (rollback === 'machine' && snapshot?.usable) return { by: 'machine', snapshotId: snapshot.snapshotId };
  if (answers) return { by: 'packages' };
  const noSnapshot =
    snapshot === null ? 'no snapshot of it is kept' : `its snapshot is not usable: ${snapshot.because}`;
  const why = rollback === 'packages' ? 'its policy does not allow the whole machine to be restored' : noSnapshot;
  return { by: 'none', because: [why, 'its agent does not answer, so its packages cannot be rolled back'] };
}

/**
 * Names of the packages that are held once they were rolled back, so that the next run does not install them again:
 * those that the evidence points to, or all where it points to none. What was new on the endpoint is gone, and not
 * held.
 */
export function packagesToHold(patches: readonly Patch[], packagesAtFault: readonly string[]): readonly string[] {
  const kept = patches.filter((patch) => patch.from !== null).map((patch) => patch.package);
  const blamed = kept.filter((name) => packagesAtFault.includes(name));
  return [...new Set(blamed.length > 0 ? blamed : kept)];
}

/** How a failed endpoint is rolled back: `packages` alone where client data must survive, as no snapshot keeps it. */
export type RollbackRule = 'machine' | 'packages';
