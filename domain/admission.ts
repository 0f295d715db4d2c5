/**
 * Which endpoints of a site may start now, and what each of the others waits for (rules 6, 8, 9, 13).
 * Waiting belongs to the ring: an endpoint that waits holds nothing.
 */
import type { Criticality } from './policy.ts';
import type { WindowInstant } from './window.ts';
import { describeWindow, fits, nextOpening } from './window.ts';

export type AdmissionCandidate = {
  readonly endpointId: string;
  /** Null when nobody could tell: it waits like one that is offline. */
  readonly online: boolean | null;
  readonly windows: readonly WindowInstant[];
  readonly criticality: Criticality;
  readonly redundancyGroup: string | null;
  readonly expectedMinutes: number;
};

export type Disturbed = { readonly endpointId: string; readonly redundancyGroup: string | null };

export type AdmissionQuestion = {
  readonly now: string;
  readonly candidates: readonly AdmissionCandidate[];
  /** Work on them has started and not ended, whichever cycle does it. */
  readonly inFlight: readonly Disturbed[];
  readonly failedOrUnknown: readonly Disturbed[];
  /** How many endpoints of the site may be disturbed together: `budgetOf` of budget.ts. */
  readonly siteBudget: number;
  readonly siteSize: number;
  /** Who halted and why; null when nothing is halted. */
  readonly halted: string | null;
};

export type AdmissionWait = 'halt' | 'offline' | 'window' | 'budget';

export type Waiting = {
  readonly endpointId: string;
  readonly waitingFor: AdmissionWait;
  readonly because: readonly string[];
  /** When the clock alone may change the answer; null when something has to happen. */
  readonly lookAgainAt: string | null;
};

export type Admission = {
  readonly start: readonly { readonly endpointId: string; readonly because: readonly string[] }[];
  readonly waiting: readonly Waiting[];
};

const rank: Readonly<Record<Criticality, number>> = { low: 0, medium: 1, high: 2 };

/** Admits in the order given, less critical endpoints first. */
export function admit(question: AdmissionQuestion): Admission {
  const start: { endpointId: string; because: readonly string[] }[] = [];
  const waiting: Waiting[] = [];
  const disturbed = new Map([...question.failedOrUnknown, ...question.inFlight].map((each) => [each.endpointId, each]));
  for (const candidate of question.candidates.toSorted((a, b) => rank[a.criticality] - rank[b.criticality])) {
    const wait = reasonToWait(question, candidate, [...disturbed.values()]);
    if (wait) {
      waiting.push({ endpointId: candidate.endpointId, ...wait });
      continue;
    }
    disturbed.set(candidate.endpointId, candidate);
    const { windows, expectedMinutes, endpointId } = candidate;
    start.push({
      endpointId,
      because: [
        describeWindow(windows, question.now, expectedMinutes),
        `${disturbed.size} of ${question.siteBudget} of its site's budget is used with it`,
      ],
    });
  }
  return { start, waiting };
}

function reasonToWait(
  question: AdmissionQuestion,
  candidate: AdmissionCandidate,
  disturbed: readonly Disturbed[],
): Omit<Waiting, 'endpointId'> | null {
  const { now, halted } = question;
  const { windows, expectedMinutes } = candidate;
  if (halted !== null) return waits('halt', [`halted: ${halted}`]);
  if (candidate.online === null) return waits('offline', ['nobody could tell whether it is online']);
  if (!candidate.online) return waits('offline', ['its agent does not answer']);
  if (!fits(windows, now, expectedMinutes))
    return {
      ...waits('window', [describeWindow(windows, now, expectedMinutes)]),
      lookAgainAt: nextOpening(windows, now, expectedMinutes)?.opensAt ?? null,
    };
  return budgetWait(question, candidate, disturbed);
}

function budgetWait(
  question: AdmissionQuestion,
  candidate: AdmissionCandidate,
  disturbed: readonly Disturbed[],
): Omit<Waiting, 'endpointId'> | null {
  const words = disturbed.map((each) => describeDisturbed(question, each)).join(', ');
  const others = disturbed.filter(({ endpointId }) => endpointId !== candidate.endpointId);
  if (disturbed.length !== others.length) return waits('budget', [`${describeDisturbed(question, candidate)} already`]);
  const group = candidate.redundancyGroup;
  const partner = others.find(({ redundancyGroup }) => group !== null && redundancyGroup === group);
  if (partner)
    return waits('budget', [
      `${describeDisturbed(question, partner)}, and stands in for it in redundancy group ${group}`,
    ]);
  if (others.length < question.siteBudget) return null;
  return waits('budget', [
    `${others.length} of ${question.siteBudget} endpoints that may be disturbed together are` +
      ` (of ${question.siteSize} at the site): ${words}`,
  ]);
}

function describeDisturbed(question: AdmissionQuestion, { endpointId }: { readonly endpointId: string }): string {
  const failed = question.failedOrUnknown.some((each) => each.endpointId === endpointId);
  return failed ? `${endpointId} has failed or is unknown` : `${endpointId} is in flight`;
}

function waits(waitingFor: AdmissionWait, because: readonly string[]): Omit<Waiting, 'endpointId'> {
  return { waitingFor, because, lookAgainAt: null };
}
