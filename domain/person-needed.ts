/** Which endpoints only a person can help, for as long as nobody has. */

/** How an endpoint stands in one of its cycles. */
export type StandingInCycle = {
  readonly cycleId: string;
  readonly state: string;
  readonly outcome: string | null;
  /** When that came about; null when it is not known. */
  readonly at: string | null;
  readonly because: readonly string[];
};

export type PersonNeeded = {
  readonly cycleId: string;
  readonly sinceAt: string | null;
  readonly because: readonly string[];
};

/**
 * Null when no person is needed. One is while an endpoint is quarantined, or nobody knows how the work on it ended: until
 * a later cycle has proven it patched or as it was. That nothing was due there later proves nothing.
 * @param newestFirst its cycles, the latest first
 */
export function personNeededFor(newestFirst: readonly StandingInCycle[]): PersonNeeded | null {
  const telling = newestFirst.find(({ state, outcome }) => needsPerson({ state, outcome }) || isProven(outcome));
  if (!telling || !needsPerson(telling)) return null;
  return { cycleId: telling.cycleId, sinceAt: telling.at, because: telling.because };
}

export function needsPerson({ state, outcome }: Pick<StandingInCycle, 'state' | 'outcome'>): boolean {
  return state === 'unknown' || outcome === 'quarantined';
}

function isProven(outcome: string | null): boolean {
  return outcome === 'patched' || outcome === 'rolled_back';
}
