/** How many endpoints of a site may be disturbed at the same time (rule 9). */
import type { Amount } from './policy.ts';

/** A share is rounded up, so that a small site can be patched at all. */
export function amountOf(amount: Amount, total: number): number {
  // Rounded first: 7% of 100 is 7.000000000000001 in floating point.
  return 'count' in amount ? amount.count : Math.ceil(Math.round(amount.percent * total * 1e6) / 1e8);
}

export function describeAmount(amount: Amount): string {
  return 'count' in amount ? String(amount.count) : `${amount.percent}%`;
}

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
