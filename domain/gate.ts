/** Whether a ring has shown enough for the next one to start (rules 10 and 11). It counts what was verified, nothing else. */
import type { EndpointOutcome } from './endpoint-facts.ts';
import type { Gate } from './policy.ts';

/**
 * What each end says of the patches:
 * `unchanged` and `superseded` tried nothing, `skipped` ended before anything was installed.
 */
export const countsAgainstGate: Readonly<Record<EndpointOutcome, 'verified' | 'failed' | 'neither'>> = {
  patched: 'verified',
  unchanged: 'neither',
  rolled_back: 'failed',
  quarantined: 'failed',
  skipped: 'neither',
  superseded: 'neither',
};

/** A check or service that worked when the endpoint was verified and failed during the soak. */
export type Regression = { readonly endpointId: string; readonly what: string };

export type RingFacts = {
  /** Endpoints of the ring in the change record, those handed to the catch-up included. */
  readonly ringSize: number;
  readonly outcomes: readonly { readonly endpointId: string; readonly outcome: EndpointOutcome }[];
  /** Endpoints whose state nobody knows. */
  readonly unknown: readonly string[];
  readonly regressions: readonly Regression[];
  /** False when checks could not be made or read during the soak. */
  readonly healthDataPresent: boolean;
  readonly gate: Gate;
};

export type GateNumbers = {
  readonly endpoints: number;
  readonly verified: number;
  readonly failed: number;
  readonly unknown: number;
  readonly neither: number;
  readonly notEnded: number;
  readonly verifiedAtLeast: number;
  readonly failuresAtMost: number;
  readonly failurePercent: number;
  readonly failurePercentAtMost: number | null;
  readonly soakMinutes: number;
};

export type GateVerdict = {
  readonly verdict: 'advance' | 'hold' | 'halt';
  readonly because: readonly string[];
  readonly numbers: GateNumbers;
};

/**
 * Judges a ring after its soak. Halt is asked before hold: a failure that was seen counts, whatever else is missing.
 * Example: ring of 4, 3 patched, 1 rolled back, failuresAtMost 0: halt, "1 of 4 failed (berlin-web-1), at most 0 may".
 */
export function judgeRing(ring: RingFacts): GateVerdict {
  const { numbers, failed } = countRing(ring);
  const names = failed.length > 0 ? ` (${failed.join(', ')})` : '';
  const seen = [
    `${numbers.verified} of ${numbers.endpoints} verified, at least ${numbers.verifiedAtLeast} needed`,
    `${numbers.failed} failed${names}, at most ${numbers.failuresAtMost} may`,
  ];
  const regressed = ring.regressions.map(({ endpointId, what }) => `${endpointId} failed during the soak: ${what}`);
  const halts = reasonsToHalt(numbers, names);
  if (halts.length > 0) return { verdict: 'halt', because: [...halts, ...regressed], numbers };
  const holds = reasonsToHold(ring, numbers);
  if (holds.length > 0) return { verdict: 'hold', because: [...holds, ...regressed], numbers };
  return { verdict: 'advance', because: [...seen, ...regressed], numbers };
}

function countRing(ring: RingFacts): { numbers: GateNumbers; failed: readonly string[] } {
  const regressed = new Set(ring.regressions.map(({ endpointId }) => endpointId));
  const verdictOf = (end: RingFacts['outcomes'][number]) =>
    regressed.has(end.endpointId) ? 'failed' : countsAgainstGate[end.outcome];
  const counted = (verdict: string) => ring.outcomes.filter((end) => verdictOf(end) === verdict).length;
  const failed = new Set([
    ...regressed,
    ...ring.outcomes.filter((end) => verdictOf(end) === 'failed').map(({ endpointId }) => endpointId),
  ]);
  const verified = counted('verified');
  const tried = verified + failed.size;
  const numbers = {
    endpoints: ring.ringSize,
    verified,
    failed: failed.size,
    unknown: ring.unknown.length,
    neither: counted('neither'),
    notEnded: Math.max(0, ring.ringSize - ring.outcomes.length),
    // Never 0: a ring with nothing to do proves nothing.
    verifiedAtLeast: Math.max(1, Math.min(ring.gate.atLeastVerified, ring.ringSize)),
    failuresAtMost: ring.gate.failuresAtMost,
    failurePercent: tried === 0 ? 0 : (failed.size * 100) / tried,
    failurePercentAtMost: ring.gate.failurePercentAtMost,
    soakMinutes: ring.gate.soakMinutes,
  };
  return { numbers, failed: [...failed].toSorted() };
}

function reasonsToHalt(numbers: GateNumbers, names: string): string[] {
  const reasons: string[] = [];
  if (numbers.failed > numbers.failuresAtMost)
    reasons.push(`${numbers.failed} of ${numbers.endpoints} failed${names}, at most ${numbers.failuresAtMost} may`);
  if (numbers.failurePercentAtMost !== null && numbers.failurePercent > numbers.failurePercentAtMost) {
    const tried = numbers.verified + numbers.failed;
    const share = Math.round(numbers.failurePercent * 10) / 10;
    reasons.push(
      `${numbers.failed} of ${tried} tried failed${names}: ${share}%, at most ${numbers.failurePercentAtMost}% may`,
    );
  }
  return reasons;
}

function reasonsToHold(ring: RingFacts, numbers: GateNumbers): string[] {
  const reasons: string[] = [];
  if (!ring.healthDataPresent) reasons.push('there is no health data of the soak: nobody can say whether it went well');
  if (numbers.unknown > 0)
    reasons.push(`the state of ${numbers.unknown} of ${numbers.endpoints} is not known (${ring.unknown.join(', ')})`);
  if (numbers.verified < numbers.verifiedAtLeast)
    reasons.push(
      `${numbers.verified} of ${numbers.endpoints} verified, at least ${numbers.verifiedAtLeast} needed` +
        ` (${numbers.neither} had nothing tried, ${numbers.notEnded} have not ended)`,
    );
  return reasons;
}
