/**
 * Which endpoints of a site may start now, and what each of the others waits for (rules 6, 8, 9, 13:
 * docs/rules.md#rule-6, docs/rules.md#rule-8, docs/rules.md#rule-9, docs/rules.md#rule-13). Waiting belongs to the
 * ring: an endpoint that waits holds nothing.
 */
import type { Disturbance } from './budget.ts';
import type { Criticality } from '../policies/policy.ts';
import type { WindowInstant } from './window.ts';
import { describeWindow, fits, nextOpening } from './window.ts';
import type { WaitingFor } from '../endpoints/saga.ts';

export type AdmissionCandidate = {
  readonly endpointId: string;
  /** Null when that is not known: it waits like one that is offline. */
  readonly online: boolean | null;
  readonly windows: readonly WindowInstant[];
  readonly criticality: Criticality;
  readonly redundancyGroup: string | null;
  readonly expectedMinutes: number;
  /** Who halted what it is part of, and why; null when it is not halted. */
  readonly halted: readonly string[] | null;
};

/** Work on it has started and not ended well, whichever cycle did it: `disturbanceOf` of budget.ts. */
export type Disturbed = {
  readonly endpointId: string;
  readonly redundancyGroup: string | null;
  readonly disturbance: Disturbance;
  /** It stands at the site that is asked for and uses its budget. One elsewhere counts as a stand-in alone. */
  readonly atSite: boolean;
};

/** An endpoint of an emergency cycle that was refused for its site's budget when it was last asked for. */
export type EmergencyClaim = Pick<
  AdmissionCandidate,
  'endpointId' | 'windows' | 'redundancyGroup' | 'expectedMinutes' | 'halted'
> & { readonly cycleId: string; readonly deadlineAt: string | null };

export type AdmissionQuestion = {
  readonly now: string;
  readonly candidates: readonly AdmissionCandidate[];
  readonly disturbed: readonly Disturbed[];
  /** Of other cycles, at this site. Empty when an emergency asks: none goes before another. */
  readonly emergencies: readonly EmergencyClaim[];
  /** How many endpoints of the site may be disturbed together: `budgetOf` of budget.ts. */
  readonly siteBudget: number;
  readonly siteSize: number;
};

export type AdmissionWait = 'halt' | 'offline' | 'window' | 'budget';

export type Waiting = {
  readonly endpointId: string;
  readonly waitingFor: AdmissionWait;
  readonly because: readonly string[];
  /** When the clock alone may change the answer; null when something has to happen. */
  readonly lookAgainAt: string | null;
  /** Others are at work on what it waits for: it passes without a person. */
  readonly passes: boolean;
};

export type Admission = {
  readonly start: readonly { readonly endpointId: string; readonly because: readonly string[] }[];
  readonly waiting: readonly Waiting[];
};

type Wait = Omit<Waiting, 'endpointId'>;

const rank: Readonly<Record<Criticality, number>> = { low: 0, medium: 1, high: 2 };

/** Admits in the order given, less critical endpoints first. */
export function admit(question: AdmissionQuestion): Admission {
  const start: { endpointId: string; because: readonly string[] }[] = [];
  const waiting: Waiting[] = [];
  const ahead = question.emergencies.find((claim) => goesFirst(question, claim));
  const disturbed = new Map(question.disturbed.map((each) => [each.endpointId, each]));
  for (const candidate of question.candidates.toSorted((a, b) => rank[a.criticality] - rank[b.criticality])) {
    const wait = reasonToWait(question, candidate, ahead, [...disturbed.values()]);
    if (wait) {
      waiting.push({ endpointId: candidate.endpointId, ...wait });
      continue;
    }
    const { windows, expectedMinutes, endpointId, redundancyGroup } = candidate;
    disturbed.set(endpointId, { endpointId, redundancyGroup, disturbance: 'in flight', atSite: true });
    const used = [...disturbed.values()].filter((each) => each.atSite).length;
    start.push({
      endpointId,
      because: [
        describeWindow(windows, question.now, expectedMinutes),
        `${used} of ${question.siteBudget} of its site's budget ${used === 1 ? 'is' : 'are'} used with it`,
      ],
    });
  }
  return { start, waiting };
}

/**
 * In how many seconds it is worth asking again: at the next opening for a window that is shut, after `budgetSeconds`
 * for a budget while other work is under way. Null: never without a signal, for those that are offline, halted, without
 * any window to come, or behind failures that only a person repairs.
 * @param somebodyWorks an endpoint of the same ring is in flight
 */
export function lookAgainInSeconds(
  waiting: readonly Waiting[],
  asked: { readonly now: string; readonly anyInFlight: boolean; readonly budgetSeconds: number },
): number | null {
  const seconds = waiting.flatMap(({ waitingFor, lookAgainAt, passes }) => {
    if (lookAgainAt) return [Math.max(1, Math.ceil((Date.parse(lookAgainAt) - Date.parse(asked.now)) / 1000))];
    return waitingFor === 'budget' && (passes || asked.anyInFlight) ? [asked.budgetSeconds] : [];
  });
  return seconds.length === 0 ? null : Math.min(...seconds);
}

/**
 * What an emergency waits for goes before what a standard cycle waits for, never before what has started. It does so
 * only while it could start as soon as those in flight have ended: not halted, not past its deadline, inside its
 * window, and not behind a stand-in that only a person repairs.
 */
function goesFirst({ now, disturbed }: AdmissionQuestion, claim: EmergencyClaim): boolean {
  if (claim.halted !== null || !fits(claim.windows, now, claim.expectedMinutes)) return false;
  if (claim.deadlineAt !== null && Date.parse(claim.deadlineAt) <= Date.parse(now)) return false;
  return !standInsOf(claim, disturbed).some(({ disturbance }) => disturbance !== 'in flight');
}

function reasonToWait(
  question: AdmissionQuestion,
  candidate: AdmissionCandidate,
  ahead: EmergencyClaim | undefined,
  disturbed: readonly Disturbed[],
): Wait | null {
  const { now } = question;
  const { windows, expectedMinutes, halted } = candidate;
  if (halted !== null) return waits('halt', ...halted);
  if (candidate.online === null) return waits('offline', 'it is not known whether it is online');
  if (!candidate.online) return waits('offline', 'its agent does not answer');
  if (!fits(windows, now, expectedMinutes))
    return {
      ...waits('window', describeWindow(windows, now, expectedMinutes)),
      lookAgainAt: nextOpening(windows, now, expectedMinutes)?.opensAt ?? null,
    };
  if (ahead)
    return { ...waits('budget', `${ahead.cycleId} goes first at its site: ${ahead.endpointId} waits`), passes: true };
  return budgetWait(question, candidate, disturbed);
}

function budgetWait(
  question: AdmissionQuestion,
  candidate: AdmissionCandidate,
  disturbed: readonly Disturbed[],
): Wait | null {
  const itself = disturbed.find(({ endpointId }) => endpointId === candidate.endpointId);
  // One that failed before has its own place in the budget, and may be tried again in it.
  if (itself && itself.disturbance !== 'failed')
    return { ...waits('budget', `${describeDisturbed(itself)} already`), passes: itself.disturbance === 'in flight' };
  const [standIn] = standInsOf(candidate, disturbed);
  if (standIn)
    return {
      ...waits(
        'budget',
        `${describeDisturbed(standIn)}, and stands in for it in redundancy group ${candidate.redundancyGroup}`,
      ),
      passes: standIn.disturbance === 'in flight',
    };
  const using = disturbed.filter(({ atSite, endpointId }) => atSite && endpointId !== candidate.endpointId);
  if (using.length < question.siteBudget) return null;
  const words = using.map(describeDisturbed).join(', ');
  return {
    ...waits(
      'budget',
      `${using.length} of ${question.siteBudget} endpoints that may be disturbed together are` +
        ` (of ${question.siteSize} at the site): ${words}`,
    ),
    passes: using.some(({ disturbance }) => disturbance === 'in flight'),
  };
}

function standInsOf(
  { endpointId, redundancyGroup: group }: Pick<AdmissionCandidate, 'endpointId' | 'redundancyGroup'>,
  disturbed: readonly Disturbed[],
): readonly Disturbed[] {
  return disturbed.filter((each) => group !== null && each.redundancyGroup === group && each.endpointId !== endpointId);
}

const disturbanceWords: Readonly<Record<Disturbance, string>> = {
  'in flight': 'is in flight',
  failed: 'has failed',
  unknown: 'is in an unknown state',
};

function describeDisturbed({ endpointId, disturbance }: Disturbed): string {
  return `${endpointId} ${disturbanceWords[disturbance]}`;
}

function waits(waitingFor: AdmissionWait, ...because: readonly string[]): Wait {
  return { waitingFor, because, lookAgainAt: null, passes: false };
}

/** `starts` false: nothing has happened that would have to be undone, and its turn comes again. */
export type StartVerdict =
  | { readonly starts: true }
  | { readonly starts: false; readonly because: readonly string[]; readonly waitingFor: WaitingFor };

/**
 * The second question of rule 6 (docs/rules.md#rule-6), just before the effect that cannot be taken back: what was
 * fetched and saved before may have taken longer than expected, and a person may have halted it meanwhile.
 * @param question.minutesFromInstall what is expected from here on, a restore included
 */
export function judgeInstallStart(question: {
  readonly now: string;
  readonly windows: readonly WindowInstant[];
  readonly minutesFromInstall: number;
  readonly halted: readonly string[] | null;
}): StartVerdict {
  const { now, windows, minutesFromInstall, halted } = question;
  if (halted !== null) return { starts: false, because: halted, waitingFor: 'ring' };
  if (fits(windows, now, minutesFromInstall)) return { starts: true };
  return { starts: false, because: [describeWindow(windows, now, minutesFromInstall)], waitingFor: 'window' };
}
