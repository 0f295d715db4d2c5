/**
 * What a ring of so many endpoints can show of a version, and what it cannot. The gate says these numbers beside its
 * verdict, so that a small ring is not taken for a proof.
 *
 * A ring of n endpoints lets a version pass that breaks a share p of all endpoints when at most c of the n fail:
 * - of a fleet without end the number that fails is binomial, P(pass) = sum over k = 0..c of C(n,k) p^k (1-p)^(n-k);
 *   with c = 0 that is (1-p)^n, so a ring of n misses what breaks every tenth endpoint with probability 0.9^n;
 * - of a record of N endpoints, D of which the version breaks, it is hypergeometric,
 *   P(pass) = sum over k = 0..c of C(D,k) C(N-D,n-k) / C(N,n).
 *
 * Read the other way round, it is the one-sided upper limit at 95 % of Clopper and Pearson (The use of confidence or
 * fiducial limits illustrated in the case of the binomial, Biometrika 26, 1934): the largest share that is still
 * compatible with what was seen. Without any failure it is 1 - 0.05^(1/n), nearly 3/n: the rule of three (Hanley and
 * Lippman-Hand, If nothing goes wrong, is everything all right?, JAMA 249, 1983). In a record of N it is the largest D
 * with P(pass) above 5 %.
 *
 * Both take the ring for a draw by lot among endpoints that are alike. Rings take less critical endpoints first, and an
 * endpoint with other software than any of the ring's is not covered: the sandbox, one for each segment, is for that.
 */

/** One-sided. */
export const confidencePercent = 95;
const doubt = 1 - confidencePercent / 100;

/**
 * The probability that at most `failuresAtMost` of `tried` endpoints fail under a version that breaks `brokenShare` (0
 * to 1) of all.
 */
export function chanceToPass(ring: {
  readonly tried: number;
  readonly failuresAtMost: number;
  readonly brokenShare: number;
}): number {
  const { tried, failuresAtMost, brokenShare } = ring;
  if (failuresAtMost >= tried || brokenShare <= 0) return 1;
  if (brokenShare >= 1) return 0;
  // Each term from the one before it: factorials of a large ring would not fit a number.
  let term = (1 - brokenShare) ** tried;
  let sum = term;
  for (let failed = 1; failed <= failuresAtMost; failed += 1) {
    term *= ((tried - failed + 1) / failed) * (brokenShare / (1 - brokenShare));
    sum += term;
  }
  return Math.min(1, sum);
}

/** The same for a ring of a record: `broken` of its `endpoints` would fail. */
export function chanceToPassOf(record: {
  readonly endpoints: number;
  readonly broken: number;
  readonly tried: number;
  readonly failuresAtMost: number;
}): number {
  const { endpoints, broken, tried, failuresAtMost } = record;
  const fewest = Math.max(0, tried - (endpoints - broken));
  const most = Math.min(tried, broken);
  if (failuresAtMost >= most) return 1;
  if (failuresAtMost < fewest) return 0;
  const whole = logChoose(endpoints, tried);
  let sum = 0;
  for (let failed = fewest; failed <= failuresAtMost; failed += 1)
    sum += Math.exp(logChoose(broken, failed) + logChoose(endpoints - broken, tried - failed) - whole);
  return Math.min(1, sum);
}

/**
 * The largest share of endpoints (0 to 1) that the version may break, given that `failed` of `tried` did; 1 when
 * nothing was tried.
 */
export function brokenShareAtMost({ tried, failed }: { readonly tried: number; readonly failed: number }): number {
  if (failed >= tried) return 1;
  let [low, high] = [failed / tried, 1];
  // 50 halvings: more than a number can tell apart.
  for (let step = 0; step < 50; step += 1) {
    const middle = (low + high) / 2;
    if (chanceToPass({ tried, failuresAtMost: failed, brokenShare: middle }) > doubt) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * The largest number of a record's endpoints that the version may break, given that `failed` of the `tried` among them
 * did.
 */
export function brokenAtMost(record: {
  readonly endpoints: number;
  readonly tried: number;
  readonly failed: number;
}): number {
  const { endpoints, tried, failed } = record;
  let [least, most] = [failed, endpoints - tried + failed];
  while (least < most) {
    const broken = Math.ceil((least + most) / 2);
    if (chanceToPassOf({ endpoints, broken, tried, failuresAtMost: failed }) > doubt) least = broken;
    else most = broken - 1;
  }
  return least;
}

/** The natural logarithm of n choose k. */
function logChoose(n: number, k: number): number {
  const few = Math.min(k, n - k);
  let sum = 0;
  for (let i = 1; i <= few; i += 1) sum += Math.log(n - few + i) - Math.log(i);
  return sum;
}
