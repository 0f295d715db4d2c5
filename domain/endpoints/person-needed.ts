/** Which endpoints only a person can help, until one has. */

/** How an endpoint stands in one of its cycles. */
export type StateInCycle = {
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
 * Null when no person is needed. One is while an endpoint is quarantined, or it is not known how the work on it ended:
 * until a later cycle has proven it patched or as it was, or a person has released it. That nothing was due there later
 * proves nothing.
 * @param newestFirst its cycles, the latest first
 */
export function personNeededFor(newestFirst: readonly StateInCycle[]): PersonNeeded | null {
  const decisive = newestFirst.find((state) => needsPerson(state) || endsEarlierDoubt(state));
  if (!decisive || !needsPerson(decisive)) return null;
  return { cycleId: decisive.cycleId, sinceAt: decisive.at, because: decisive.because };
}

export function needsPerson({
  state,
  outcome,
  released,
}: Pick<StateInCycle, 'state' | 'outcome' | 'released'>): boolean {
  return state === 'unknown' || (outcome === 'quarantined' && !released);
}

/**
 * The cycles in whose quarantine an endpoint is, which one release ends together.
 * @param newestFirst its cycles, the latest first
 */
export function quarantinesOf(newestFirst: readonly StateInCycle[]): readonly StateInCycle[] {
  const from = newestFirst.findIndex(endsEarlierDoubt);
  const sinceThen = from < 0 ? newestFirst : newestFirst.slice(0, from);
  return sinceThen.filter(({ outcome }) => outcome === 'quarantined');
}

/** What came before says nothing of it any more. */
function endsEarlierDoubt({ outcome, released }: StateInCycle): boolean {
  return outcome === 'patched' || outcome === 'rolled_back' || released;
}
