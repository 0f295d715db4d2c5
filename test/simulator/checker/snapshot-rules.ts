/**
 * How long a snapshot is kept: for as long as nothing else can roll its endpoint back, and then for the policy's days.
 */
import type { Row } from '../world/record.ts';
import type { Board, LockHold } from './board.ts';
import { type Rules, iso } from './rule.ts';

const day = 86_400_000;

/** Judged when a deletion is ordered: from then on nothing goes back to the snapshot, and it may go at any time. */
export const lastWayBackStays: Rules = ({ must }) => {
  /** Snapshots under whose cover something was installed. */
  const needed = new Set<string>();
  return {
    sees(fact, board) {
      const { at } = fact;
      if (fact.fact === 'effect begun' && (fact.kind === 'install' || fact.kind === 'repair')) {
        const snapshotId = board.hold(fact.endpointId)?.snapshot?.snapshotId;
        if (snapshotId !== undefined) needed.add(snapshotId);
      }
      if (fact.fact === 'restored' || fact.fact === 'snapshot deleted') {
        const isOrdered = orderedAt(board.row('SnapshotRecord', fact.snapshotId)) !== null;
        const holds = isOrdered === (fact.fact === 'snapshot deleted');
        const sentence = () =>
          `${fact.endpointId}: ${fact.fact}, and the deletion of ${fact.snapshotId} was ${isOrdered ? '' : 'not '}ordered`;
        must('last way back', at, holds, sentence);
      }
      if (fact.fact !== 'row' || fact.model !== 'SnapshotRecord' || !fact.after) return;
      if (orderedAt(fact.after) === null || orderedAt(fact.before) !== null) return;
      const { id, endpointId, cycleId } = fact.after as Record<'id' | 'endpointId' | 'cycleId', string>;
      const why = whyKept(board, { cycleId, endpointId, isNeeded: needed.has(id), at });
      must('last way back', at, why === null, () => `snapshot ${id} of ${endpointId} is to be deleted, but ${why}`);
    },
  };
};

function orderedAt(record: Row | null | undefined): unknown {
  return record?.['deletionOrderedAt'] ?? null;
}

type Kept = { readonly cycleId: string; readonly endpointId: string; readonly isNeeded: boolean; readonly at: number };

function whyKept(board: Board, { cycleId, endpointId, isNeeded, at }: Kept): string | null {
  const hold = board.hold(endpointId);
  if (hold?.cycleId === cycleId && mayGoBack(hold)) return `${cycleId} may have to put it back`;
  if (!isNeeded) return null;
  const row = board.member(cycleId, endpointId);
  if (row?.['state'] !== 'ended') return `${cycleId} has not ended there: it is ${String(row?.['state'])}`;
  // Rule 7 judges whether it is then as it was.
  if (row['outcome'] === 'skipped') return null;
  if (isQuarantined(board, endpointId)) return 'the endpoint is quarantined';
  const provenAt = row['outcome'] === 'quarantined' ? provenSince(board, row) : endedAt(row);
  if (provenAt === null) return 'nothing has proven the endpoint since it was quarantined';
  const { keepDays } = board.policyOf(cycleId).snapshot;
  return at < provenAt + keepDays * day ? `it is kept for ${keepDays} days from ${iso(provenAt)}` : null;
}

function mayGoBack({ isRollback, begun }: LockHold): boolean {
  return isRollback || begun.some(({ kind }) => kind === 'install');
}

/** By the last thing that was said of it. */
function isQuarantined(board: Board, endpointId: string): boolean {
  const said = board.statesOf(endpointId).filter(({ outcome }) => {
    return outcome === 'patched' || outcome === 'rolled_back' || outcome === 'quarantined';
  });
  return said.toSorted((a, b) => endedAt(a) - endedAt(b)).at(-1)?.['outcome'] === 'quarantined';
}

function provenSince(board: Board, quarantined: Row): number | null {
  const proven = board
    .statesOf(String(quarantined['endpointId']))
    .filter((row) => row['outcome'] === 'patched' && endedAt(row) > endedAt(quarantined));
  return proven.length === 0 ? null : Math.min(...proven.map(endedAt));
}

function endedAt(row: Row): number {
  return row['endedAt'] instanceof Date ? row['endedAt'].getTime() : -Infinity;
}
