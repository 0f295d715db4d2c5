/**
 * What exists against what is recorded: snapshots that are on no record, snapshots that are gone, clones of ended
 * tests.
 */
import type { RecordedSnapshot } from './retention.ts';

/** What one endpoint's driver said exists. */
export type SnapshotListing = {
  readonly endpointId: string;
  /** Null when it could not be asked: then nothing is said of this endpoint. */
  readonly snapshotIds: readonly string[] | null;
};

export type SnapshotComparison = {
  /** On record nowhere. With an origin it is one of ours, from a cycle that has ended, and goes on record again. */
  readonly leaks: readonly {
    readonly endpointId: string;
    readonly snapshotId: string;
    readonly origin: string | null;
    readonly because: string;
  }[];
  /** On record and gone, though no one ordered that. */
  readonly missing: readonly { readonly snapshotId: string; readonly because: string }[];
  /** Said to be missing before, and there. */
  readonly foundAgain: readonly string[];
  /** Whose deletion was ordered or done, and that is gone: there is nothing left to delete. */
  readonly gone: readonly string[];
  /** Deleted by its record, and there all the same. */
  readonly stillThere: readonly string[];
};

/**
 * @param listedAt when the listing was asked for: what was recorded as taken after it may rightly not be in it
 * @param origins the names that ended cycles may have given, with the cycle; a name of a running cycle is not among
 * them
 */
export function compareSnapshots(what: {
  readonly recorded: readonly RecordedSnapshot[];
  readonly listings: readonly SnapshotListing[];
  readonly listedAt: string;
  readonly origins: ReadonlyMap<string, string>;
}): SnapshotComparison {
  const { recorded, listings, listedAt, origins } = what;
  const listed = listings.flatMap(({ endpointId, snapshotIds }) =>
    snapshotIds === null ? [] : [{ endpointId, snapshotIds: new Set(snapshotIds) }],
  );
  const there = new Map(listed.map(({ endpointId, snapshotIds }) => [endpointId, snapshotIds]));
  const known = new Map(recorded.map((snapshot) => [snapshot.snapshotId, snapshot]));
  const present = recorded.filter(({ endpointId, snapshotId }) => there.get(endpointId)?.has(snapshotId));
  const absent = recorded.filter(({ endpointId, snapshotId }) => there.get(endpointId)?.has(snapshotId) === false);
  const unrecorded = listed.flatMap(({ endpointId, snapshotIds }) =>
    [...snapshotIds].filter((id) => !known.has(id)).map((snapshotId) => ({ endpointId, snapshotId })),
  );
  return {
    leaks: unrecorded.map((each) => {
      const origin = origins.get(each.snapshotId) ?? null;
      const because =
        origin === null
          ? 'it exists and is on no record, and no cycle of ours that has ended gave this name'
          : `it exists and was on no record; its name is the one ${origin} gave`;
      return { ...each, origin, because };
    }),
    missing: absent
      .filter((snapshot) => wasThereBefore(snapshot, listedAt))
      .map(({ snapshotId, takenAt }) => ({
        snapshotId,
        because: `it was taken at ${takenAt} and is not there any more, though no one ordered its deletion`,
      })),
    foundAgain: present.filter((snapshot) => snapshot.missingSinceAt !== null).map(({ snapshotId }) => snapshotId),
    gone: absent
      .filter((snapshot) => snapshot.deletedAt === null && snapshot.deletionOrderedAt !== null)
      .map(({ snapshotId }) => snapshotId),
    stillThere: present.filter((snapshot) => snapshot.deletedAt !== null).map(({ snapshotId }) => snapshotId),
  };
}

function wasThereBefore(snapshot: RecordedSnapshot, listedAt: string): boolean {
  const { takenAt, deletedAt, deletionOrderedAt, missingSinceAt } = snapshot;
  if (takenAt === null || deletedAt !== null || deletionOrderedAt !== null || missingSinceAt !== null) return false;
  return Date.parse(takenAt) < Date.parse(listedAt);
}

/** What is known of the test a clone was made for. */
export type SandboxOrigin = {
  readonly cycleId: string;
  /** Its workflow runs: the clone is in use. */
  readonly running: boolean;
};

export type SandboxComparison = {
  readonly destroy: readonly { readonly sandboxId: string; readonly because: string }[];
  readonly leaks: readonly { readonly sandboxId: string; readonly because: string }[];
};

/** Clones of tests that have ended are destroyed; what no test of ours can have made is reported and left alone. */
export function compareSandboxes(
  found: readonly string[],
  origins: ReadonlyMap<string, SandboxOrigin>,
): SandboxComparison {
  const known = found.flatMap((sandboxId) => {
    const origin = origins.get(sandboxId);
    return origin ? [{ sandboxId, ...origin }] : [];
  });
  return {
    destroy: known
      .filter(({ running }) => !running)
      .map(({ sandboxId, cycleId }) => ({ sandboxId, because: `its test in ${cycleId} has ended` })),
    leaks: found
      .filter((sandboxId) => !origins.has(sandboxId))
      .map((sandboxId) => ({ sandboxId, because: 'it exists, and no test of ours can have made it' })),
  };
}
