import type { TimedCycle } from './whole-cycle.ts';

/** What the pairs of runs say, a line each. */
export function figuresOf(pairs: readonly Pair[]): readonly string[] {
  const bare = median(pairs.map((pair) => pair.bareSeconds));
  const rebooted = median(pairs.map((pair) => pair.bareSeconds + pair.rebootSeconds));
  const rolledOut = median(pairs.map(({ cycle }) => cycle.rolledOutSeconds));
  const closed = median(pairs.map(({ cycle }) => cycle.seconds));
  return [
    `median apt-get     ${inSeconds(bare)}, ${inSeconds(rebooted)} with the reboot`,
    `median patchcycle  ${inSeconds(closed)}, from the order to the close of the cycle`,
    `                   ${inSeconds(rolledOut)} to the end of the rollout, ratio ${(rolledOut / bare).toFixed(2)}`,
    `ratio ${(closed / rebooted).toFixed(2)} to apt-get and the reboot that is due, which a cycle does`,
    `ratio ${(closed / bare).toFixed(2)}`,
  ];
}

export function inSeconds(seconds: number): string {
  return `${seconds.toFixed(1)} s`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

export type Pair = { readonly bareSeconds: number; readonly rebootSeconds: number; readonly cycle: TimedCycle };
