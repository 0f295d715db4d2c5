/** How many endpoints of a site may be disturbed at the same time (rule 9: docs/rules.md#rule-9). */
import type { EndpointOutcome } from '../endpoints/saga.ts';
import { type Amount, amountOf } from '../policies/amount.ts';

export type Disturbance = 'in flight' | 'failed' | 'unknown';

/** The site's budget and the policy's both hold: the smaller one counts. `site` null: the site sets none. */
export function budgetOf(budget: {
  readonly site: Amount | null;
  readonly policy: Amount;
  readonly siteSize: number;
}): number {
  const { site, policy, siteSize } = budget;
  const own = amountOf(policy, siteSize);
  return site ? Math.min(amountOf(site, siteSize), own) : own;
}

/** States of an endpoint in a cycle in which work on it is under way, or about to be. */
export const atWork: readonly string[] = ['admitted', 'in flight', 'rolling back'];

/** How one row of an endpoint in a cycle stands, as far as the budget asks. */
export type WorkState = {
  readonly state: string;
  readonly outcome: EndpointOutcome | null;
  /** Its cycle has not closed, or is the one that asks. */
  readonly cycleIsOpen: boolean;
  /** A later work on the endpoint came to a proven end, or a person who repaired it has released it. */
  readonly clearedSince: boolean;
};

/**
 * Whether an endpoint uses its site's budget, whichever cycle works on it: it is in flight (admitted counts, it starts
 * any moment), nobody knows how it is, or it failed. One that was rolled back failed for as long as its cycle is open,
 * since it works as before; one in quarantine until a later work has proven it, or a person has released it.
 */
export function disturbanceOf(work: WorkState): Disturbance | null {
  if (atWork.includes(work.state)) return 'in flight';
  if (work.state === 'unknown') return 'unknown';
  if (work.outcome === 'rolled_back') return work.cycleIsOpen ? 'failed' : null;
  if (work.outcome === 'quarantined') return work.clearedSince ? null : 'failed';
  return null;
}
