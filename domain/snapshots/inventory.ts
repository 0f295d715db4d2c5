/** What snapshots there are, as their keepers say. */

/** A whole-machine snapshot, taken and restored from outside the endpoint. */
export type Snapshot = {
  readonly snapshotId: string;
  readonly endpointId: string;
  readonly takenAt: string;
};

/** The snapshots of one endpoint. */
export type ListedSnapshots = {
  readonly endpointId: string;
  /** Null when the driver could not say what there is. */
  readonly snapshots: readonly Snapshot[] | null;
};

/** What came of removing a snapshot or a sandbox. */
export type Removal = {
  readonly name: string;
  /** Null when it is gone; else why it could not be removed. */
  readonly failedBecause: string | null;
};
