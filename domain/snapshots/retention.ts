/**
 * How long a snapshot lives: always while it may be the only way to roll back, then the policy's days after a proven
 * end, then no longer. What cannot be told keeps it: a snapshot too many costs space, one too few costs an endpoint.
 */
import type { CycleState } from '../rollout/cycle.ts';
import type { EndpointOutcome } from '../endpoints/saga.ts';

const dayMilliseconds = 24 * 60 * 60 * 1000;

/** What is recorded of a snapshot, and what it is needed for. */
export type RecordedSnapshot = {
  readonly snapshotId: string;
  readonly endpointId: string;
  readonly cycleId: string;
  /** Null: it was ordered, and it is not known whether it was taken. */
  readonly takenAt: string | null;
  /** From then on nothing goes back to it, so its deletion is finished whatever else is true. */
  readonly deletionOrderedAt: string | null;
  readonly deletedAt: string | null;
  /** When it was found gone though no one had ordered that. */
  readonly missingSinceAt: string | null;
  /** Where its endpoint stands in the snapshot's cycle; null when the cycle has no such endpoint on record. */
  readonly endpointState: string | null;
  readonly outcome: EndpointOutcome | null;
  /** The attempt it was taken for was let go before anything was installed: a later one takes a snapshot of its own. */
  readonly attemptGivenUp: boolean;
  readonly endpointEndedAt: string | null;
  readonly cycleState: CycleState;
  readonly keepDays: number;
  /** Kept at least until then, where that is later than the policy's days. */
  readonly keepUntilAt: string | null;
  /** What stands in the way in any cycle of the endpoint; null when nothing does. */
  readonly endpointIs: 'under way' | 'quarantined' | null;
  /** When a later cycle proved the endpoint patched; null while none has. */
  readonly provenSinceAt: string | null;
};

/** `untilAt`: when it will be deleted; null while that is not known, and when that is now. */
export type SnapshotKeeping = {
  readonly keep: boolean;
  readonly untilAt: string | null;
  readonly because: readonly string[];
};

export type SnapshotToDelete = {
  readonly snapshotId: string;
  readonly endpointId: string;
  readonly because: readonly string[];
};

/** The snapshots that nothing needs any more, each with why. */
export function snapshotsToDelete(recorded: readonly RecordedSnapshot[], now: string): readonly SnapshotToDelete[] {
  return recorded
    .filter((snapshot) => snapshot.deletedAt === null)
    .flatMap((snapshot) => {
      const { keep, because } = judgeSnapshot(snapshot, now);
      const { snapshotId, endpointId } = snapshot;
      return keep ? [] : [{ snapshotId, endpointId, because }];
    });
}

/** Whether a snapshot is kept, until when and why. */
export function judgeSnapshot(snapshot: RecordedSnapshot, now: string): SnapshotKeeping {
  const { deletionOrderedAt, endpointState, cycleState, endpointIs } = snapshot;
  if (deletionOrderedAt !== null) return dropped(`its deletion was ordered at ${deletionOrderedAt}`);
  if (endpointIs === 'under way') return kept('work on its endpoint is under way, or it is not known how it ended');
  if (snapshot.attemptGivenUp)
    return dropped('nothing was installed on its endpoint: the attempt it was taken for was let go');
  if (endpointState !== 'ended') return kept(`its endpoint has not ended in its cycle: ${endpointState ?? 'unknown'}`);
  if (cycleState === 'running') return kept('its cycle has not ended and may still order a rollback');
  return keptAfterEnd(snapshot, now);
}

function keptAfterEnd(snapshot: RecordedSnapshot, now: string): SnapshotKeeping {
  const { outcome, endpointEndedAt, endpointIs, provenSinceAt } = snapshot;
  if (endpointIs === 'quarantined') return kept('its endpoint is quarantined: it may be the only way to roll back');
  if (outcome === 'quarantined')
    return provenSinceAt === null
      ? kept('its endpoint was quarantined, and no cycle has proven it patched since')
      : keptFrom(snapshot, provenSinceAt, 'its endpoint was quarantined, and a later cycle has proven it patched', now);
  if (outcome === 'patched') return keptFrom(snapshot, endpointEndedAt, 'its endpoint was proven patched', now);
  if (outcome === 'rolled_back') return keptFrom(snapshot, endpointEndedAt, 'its endpoint was rolled back to it', now);
  if (outcome === null) return kept('it is not known how its endpoint ended');
  return dropped(`nothing was installed on its endpoint: ${outcome}`);
}

/** Kept for the policy's days from an end that was proven, or longer where that was said. */
function keptFrom(snapshot: RecordedSnapshot, fromAt: string | null, because: string, now: string): SnapshotKeeping {
  const { keepDays, keepUntilAt } = snapshot;
  const from = Date.parse(fromAt ?? '');
  const until = Math.max(from + keepDays * dayMilliseconds, keepUntilAt === null ? from : Date.parse(keepUntilAt));
  if (Number.isNaN(until)) return kept(`${because}, and it is not known when`);
  const untilAt = new Date(until).toISOString();
  const reason = `${because} at ${fromAt}; the policy keeps it for ${keepDays} days`;
  // Written so that an unreadable clock keeps it.
  if (Date.parse(now) >= until) return dropped(`${reason}, until ${untilAt}`);
  return { keep: true, untilAt, because: [reason] };
}

function kept(because: string): SnapshotKeeping {
  return { keep: true, untilAt: null, because: [because] };
}

function dropped(because: string): SnapshotKeeping {
  return { keep: false, untilAt: null, because: [because] };
}
