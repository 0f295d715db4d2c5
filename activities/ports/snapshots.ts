import type { Snapshot } from '../../domain/snapshots/inventory.ts';

export type SnapshotVerdict = {
  readonly usable: boolean;
  /** Why not, or what was compared. */
  readonly because: string;
};

export type Restored = {
  /** The generation written into the restored root before it booted. */
  readonly generation: number;
  /** Where the failed state's ledger, dpkg.log and journal were kept: a name the driver can be asked for. */
  readonly evidenceOfFailedState: string;
};

/**
 * What keeps whole-machine snapshots: a hypervisor, a storage, a backup tool.
 * Ids are the caller's and derived, so each call may be repeated: creating the same snapshot twice is one snapshot,
 * restoring twice under the same `restoreId` is one restore, deleting what is gone is fine.
 * A driver must never say a snapshot is usable without having looked at it.
 */
export interface SnapshotPort {
  /** One point in time of the whole machine. Throws `SnapshotFailed`. */
  create(endpointId: string, snapshotId: string): Promise<Snapshot>;
  /** Looks at the snapshot itself, not at a catalogue. */
  verify(endpointId: string, snapshotId: string): Promise<SnapshotVerdict>;
  /**
   * Stops the machine, keeps evidence of the failed state, puts the snapshot in its place, writes the raised
   * generation into it, starts it. The agent may answer only later.
   */
  restore(
    endpointId: string,
    snapshotId: string,
    restore: { readonly restoreId: string; readonly generation: number },
  ): Promise<Restored>;
  delete(endpointId: string, snapshotId: string): Promise<void>;
  /** Every snapshot of the endpoint that exists, oldest first. */
  list(endpointId: string): Promise<readonly Snapshot[]>;
}

/** The snapshot tool said no, or what it said was not true. `retryable` when trying again can help. */
export class SnapshotFailed extends Error {
  override readonly name = 'SnapshotFailed';
  readonly retryable: boolean;
  constructor(message: string, retryable: boolean) {
    super(message);
    this.retryable = retryable;
  }
}
