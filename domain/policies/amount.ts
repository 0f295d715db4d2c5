/** A number of endpoints, or a share of them (rounded up). */
export type Amount = { readonly count: number } | { readonly percent: number };

/** A share is rounded up, so that a small site can be patched at all. */
export function amountOf(amount: Amount, total: number): number {
  // Rounded first: 7% of 100 is 7.000000000000001 in floating point.
  return 'count' in amount ? amount.count : Math.ceil(Math.round(amount.percent * total * 1e6) / 1e8);
}

export function describeAmount(amount: Amount): string {
  return 'count' in amount ? String(amount.count) : `${amount.percent}%`;
}
