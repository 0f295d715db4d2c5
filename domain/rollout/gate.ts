/**
 * Whether a ring has shown enough for the next one to start (rules 10 and 11: docs/rules.md#rule-10,
 * docs/rules.md#rule-11). It counts what was verified, nothing else.
 *
 * The policy's numbers are a trade: `atLeastVerified` n with `failuresAtMost` c lets a version pass that breaks a share
 * p of endpoints with the probability that sampling.ts states, and halts for a good version as often as endpoints fail
 * by themselves. The verdict names both sides: what was seen, and what a ring of that size cannot show.
 */
import { listed } from '../words.ts';
import type { Gate } from '../policies/policy.ts';
import { brokenAtMost, brokenShareAtMost, chanceToPass, confidencePercent } from './sampling.ts';
import type { EndpointOutcome } from '../endpoints/saga.ts';

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

/** Patches that the evidence of a failure points to, by `patchKey`; none where it points to none. */
type Blame = { readonly patchesAtFault?: readonly string[] };

/** A check or service that worked when the endpoint was verified and failed during the soak. */
export type Regression = { readonly endpointId: string; readonly what: string } & Blame;

/**
 * A user's answer, when asked after the patch, that something broke. It counts only against: that nobody complains, or
 * that somebody is content, proves nothing.
 */
export type Complaint = { readonly endpointId: string; readonly what: string };

export type RingFacts = {
  /** Endpoints of the ring in the change record, those handed to the catch-up included. */
  readonly ringSize: number;
  /** Endpoints of all rings of the change record; where it is left out, the fleet is taken to have no end. */
  readonly recordSize?: number;
  readonly outcomes: readonly ({ readonly endpointId: string; readonly outcome: EndpointOutcome } & Blame)[];
  /** Endpoints whose state is not known. */
  readonly unknown: readonly string[];
  readonly regressions: readonly Regression[];
  /** None where no person was asked. */
  readonly complaints?: readonly Complaint[];
  /** Patches that a person has released since they failed: a failure that points to these alone counts no more. */
  readonly released?: readonly string[];
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
  const { numbers, failed, excused } = countRing(ring);
  const names = failed.length > 0 ? ` (${failed.join(', ')})` : '';
  const seen = [
    `${numbers.verified} of ${numbers.endpoints} verified, at least ${numbers.verifiedAtLeast} needed`,
    `${numbers.failed} failed${names}, at most ${numbers.failuresAtMost} may`,
  ];
  const besides = [
    ...ring.regressions.map(({ endpointId, what }) => `${endpointId} failed during the soak: ${what}`),
    ...(ring.complaints ?? []).map(({ endpointId, what }) => `a user of ${endpointId} says: ${what}`),
    ...excused.map((endpointId) => `the failure of ${endpointId} counts no more: a person has released its patch`),
  ];
  const halts = reasonsToHalt(numbers, names);
  if (halts.length > 0) return { verdict: 'halt', because: [...halts, ...besides], numbers };
  const holds = reasonsToHold(ring, numbers);
  if (holds.length > 0) return { verdict: 'hold', because: [...holds, ...besides], numbers };
  return { verdict: 'advance', because: [...seen, ...besides, whatItShows(ring, numbers)], numbers };
}

/** Whether a ring whose gate halted has become one that a person may advance: the patches at fault were released. */
export function mayAdvance({ verdict, because }: GateVerdict): { readonly may: boolean; readonly because: string } {
  if (verdict !== 'halt') return { may: true, because: because[0] ?? verdict };
  return {
    may: false,
    because: `a halted gate is not advanced (${because[0] ?? 'halt'}); release the patch at fault first: patchcycle patch release PACKAGE VERSION`,
  };
}

function countRing(ring: RingFacts): {
  readonly numbers: GateNumbers;
  readonly failed: readonly string[];
  readonly excused: readonly string[];
} {
  const failures = failuresOf(ring);
  const excused = [...failures].filter(([, facts]) => isExcused(facts, ring.released ?? [])).map(([name]) => name);
  const failed = [...failures.keys()].filter((name) => !excused.includes(name));
  const verified = ring.outcomes.filter(
    ({ endpointId, outcome }) => countsAgainstGate[outcome] === 'verified' && !failures.has(endpointId),
  ).length;
  const tried = verified + failed.length;
  const ended = ring.outcomes.filter(({ endpointId }) => !failed.includes(endpointId)).length;
  const numbers = {
    endpoints: ring.ringSize,
    verified,
    failed: failed.length,
    unknown: ring.unknown.length,
    neither: ended - verified,
    notEnded: Math.max(0, ring.ringSize - ring.outcomes.length),
    // Never 0: a ring with nothing to do proves nothing.
    verifiedAtLeast: Math.max(1, Math.min(ring.gate.atLeastVerified, ring.ringSize)),
    failuresAtMost: ring.gate.failuresAtMost,
    failurePercent: tried === 0 ? 0 : (failed.length * 100) / tried,
    failurePercentAtMost: ring.gate.failurePercentAtMost,
    soakMinutes: ring.gate.soakMinutes,
  };
  return { numbers, failed: failed.toSorted(), excused: excused.toSorted() };
}

/** Everything that speaks against each endpoint that failed. */
function failuresOf({ outcomes, regressions, complaints = [] }: RingFacts): ReadonlyMap<string, readonly Blame[]> {
  const against: readonly ({ readonly endpointId: string } & Blame)[] = [
    ...outcomes.filter(({ outcome }) => countsAgainstGate[outcome] === 'failed'),
    ...regressions,
    ...complaints,
  ];
  const failures = new Map<string, Blame[]>();
  for (const fact of against) failures.set(fact.endpointId, [...(failures.get(fact.endpointId) ?? []), fact]);
  return failures;
}

/** A failure that points to no patch is excused by no release. */
function isExcused(facts: readonly Blame[], released: readonly string[]): boolean {
  return facts.every(
    ({ patchesAtFault = [] }) => patchesAtFault.length > 0 && patchesAtFault.every((patch) => released.includes(patch)),
  );
}

/** The share of endpoints that the words on what a ring cannot show speak of. */
const exampleShare = 0.1;

function whatItShows({ recordSize }: RingFacts, { verified, failed, failuresAtMost }: GateNumbers): string {
  const tried = verified + failed;
  const chance = chanceToPass({ tried, failuresAtMost, brokenShare: exampleShare });
  const passes = `a version that breaks every tenth endpoint passes ${tried} tried ones with probability ${percent(chance)}`;
  const broken =
    recordSize === undefined || recordSize < tried
      ? `${percent(brokenShareAtMost({ tried, failed }))} of such endpoints`
      : `${brokenAtMost({ endpoints: recordSize, tried, failed })} of the record's ${recordSize} endpoints`;
  return `${passes}; by what was seen, this one breaks at most ${broken}, at ${confidencePercent}% confidence`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
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
  if (!ring.healthDataPresent)
    reasons.push('there is no health data of the soak, so it is not known whether it went well');
  if (numbers.unknown > 0)
    reasons.push(`the state of ${numbers.unknown} of ${numbers.endpoints} is not known (${listed(ring.unknown)})`);
  if (numbers.verified < numbers.verifiedAtLeast)
    reasons.push(
      `${numbers.verified} of ${numbers.endpoints} verified, at least ${numbers.verifiedAtLeast} needed` +
        ` (${numbers.neither} had nothing tried, ${numbers.notEnded} have not ended)`,
    );
  return reasons;
}
