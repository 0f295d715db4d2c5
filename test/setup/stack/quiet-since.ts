import type { LedgerEntry } from '../../../agent/ledger.ts';

/**
 * From when on no agent is given anything to start: two seconds after the command to halt was called. On a machine that
 * takes more than one of them to run the command up to its row, later by what it took more.
 * @param calledAt in milliseconds, as `Date.now()`
 * @param orderedAt the moment that is in the row
 */
export function quietSince(calledAt: number, orderedAt: string): number {
  const lateMilliseconds = Math.max(0, Date.parse(orderedAt) - calledAt - 1000);
  return calledAt + 2000 + lateMilliseconds;
}

/** What may pass from a permit to the moment when a site's worker has taken up what it is for. */
const permitMilliseconds = 1400;

/** When an agent was given something to start; on a machine that takes longer than a permit lasts to reach it, earlier by that. */
export function startDue({ permit, report }: LedgerEntry): number {
  return Math.min(Date.parse(report.startedAt), Date.parse(permit.issuedAt) + permitMilliseconds);
}
