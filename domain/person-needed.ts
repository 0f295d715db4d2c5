/** Which endpoints only a person can help, for as long as nobody has. */

/** How an endpoint stands in one of its cycles. */
export type StandingInCycle = {
  readonly cycleId: string;
  readonly state: string;
  readonly outcome: string | null;
  /** A person has taken it out of quarantine. */
  readonly released: boolean;
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
 * a later cycle has proven it patched or as it was, or a person has released it. That nothing was due there later proves
 * nothing.
 * @param newestFirst its cycles, the latest first
 */
export function personNeededFor(newestFirst: readonly StandingInCycle[]): PersonNeeded | null {
  const telling = newestFirst.find((standing) => needsPerson(standing) || isSettled(standing));
  if (!telling || !needsPerson(telling)) return null;
  return { cycleId: telling.cycleId, sinceAt: telling.at, because: telling.because };
}

export function needsPerson({
  state,
  outcome,
  released,
}: Pick<StandingInCycle, 'state' | 'outcome' | 'released'>): boolean {
  return state === 'unknown' || (outcome === 'quarantined' && !released);
}

/**
 * The cycles in whose quarantine an endpoint is, which one release ends together.
 * @param newestFirst its cycles, the latest first
 */
export function quarantinesOf(newestFirst: readonly StandingInCycle[]): readonly StandingInCycle[] {
  const settled = newestFirst.findIndex(isSettled);
  const sinceThen = settled < 0 ? newestFirst : newestFirst.slice(0, settled);
  return sinceThen.filter(({ outcome }) => outcome === 'quarantined');
}

/** What came before says nothing of it any more. */
function isSettled({ outcome, released }: StandingInCycle): boolean {
  return outcome === 'patched' || outcome === 'rolled_back' || released;
}
