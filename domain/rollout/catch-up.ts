/**
 * When an endpoint that could not be patched with its ring gets its turn (rule 17: docs/rules.md#rule-17): online,
 * inside its own window, its patches still approved, not superseded. At its deadline it is escalated with its history,
 * and stays in the record as not done.
 */
import { judgeEmergencyUpdate, judgeUpdate } from '../policies/approval.ts';
import type { CycleState } from './cycle.ts';
import { compareVersions } from '../debian-version.ts';
import type { Patch } from '../patch.ts';
import type { Policy } from '../policies/policy.ts';
import type { WindowInstant } from './window.ts';
import { fits, nextOpening } from './window.ts';
import type { EndpointOutcome, WaitingFor } from '../endpoints/saga.ts';
import { sayMinutes } from '../words.ts';
import type { Severity, UpdateClass } from '../patches/classification.ts';

export type StragglerFacts = {
  readonly now: string;
  readonly state: string;
  readonly outcome: EndpointOutcome | null;
  /** A later cycle that works on the endpoint; null when there is none. */
  readonly laterCycleId: string | null;
  readonly deadlineAt: string;
  readonly escalated: boolean;
  readonly cycleState: CycleState;
  readonly halted: readonly string[] | null;
  /** Its patches were planned with the others'; false: it was silent then, and gets what the cycle proves on others. */
  readonly planned: boolean;
  /** Why it is not approved any more; empty while it is. */
  readonly notApproved: readonly string[];
  /** It has no agent yet, or the client's files no longer name it. */
  readonly unreachable: string | null;
  readonly windows: readonly WindowInstant[];
  readonly expectedMinutes: number;
};

export type CatchUpTurn = {
  /** `end` and `escalate`: nothing more is tried, and that has to be recorded. `over`: it is on record already. */
  readonly verdict: 'go' | 'wait' | 'over' | 'end' | 'escalate';
  readonly outcome: EndpointOutcome | null;
  readonly waitingFor: WaitingFor | null;
  /** How long until it is worth asking again; for `go`, how long an answer is waited for. */
  readonly seconds: number;
  readonly because: readonly string[];
};

/**
 * How long a straggler waits for what has no time of its own: the end of its cycle, the release of a halt, an approval.
 */
const pollSeconds = 60;
/** How long an agent is waited for before its turn is judged again. */
const presenceWaitSeconds = 15 * 60;

/** Whether a straggler's turn has come. Whether it is online is asked afterwards, and then `supersededBy`. */
export function judgeCatchUp(facts: StragglerFacts): CatchUpTurn {
  const { now, laterCycleId, deadlineAt, cycleState, halted, notApproved, unreachable } = facts;
  if (facts.outcome !== null) return turn('over', `it has ended: ${facts.outcome}`);
  if (facts.state === 'unknown') return turn('over', 'it is not known how the work on it ended; a person has to look');
  if (facts.escalated) return turn('over', 'its deadline has passed, and a person was told');
  if (laterCycleId !== null) return ends('superseded', `superseded by ${laterCycleId}`);
  if (cycleState === 'cancelled' || cycleState === 'failed')
    return ends('skipped', `its cycle ${cycleState === 'failed' ? 'failed' : 'was cancelled'} before its turn came`);
  const untilDeadline = secondsBetween(now, deadlineAt);
  if (untilDeadline <= 0) return turn('escalate', `its deadline ${deadlineAt} has passed`);
  const waits = (waitingFor: WaitingFor, because: readonly string[], seconds: number): CatchUpTurn => ({
    ...turn('wait', ...because),
    waitingFor,
    seconds: Math.min(seconds, untilDeadline),
  });
  if (halted !== null) return waits('ring', halted, pollSeconds);
  // It was handed over by a ring of a record that another one follows, and has a ring there.
  if (facts.state === 'planned') return waits('ring', ['its ring has not had its turn'], pollSeconds);
  if (unreachable !== null) return waits('offline', [unreachable], presenceWaitSeconds);
  if (notApproved.length > 0) return waits('approval', notApproved, pollSeconds);
  if (!facts.planned && cycleState === 'running')
    return waits('offline', ['it gets what its cycle proves on others, and that is under way'], pollSeconds);
  if (!fits(facts.windows, now, facts.expectedMinutes)) return waitForWindow(facts, waits);
  const because = 'its window is open, and it is asked whether it is there';
  return { ...waits('offline', [because], presenceWaitSeconds), verdict: 'go' };
}

function waitForWindow(
  { windows, now, expectedMinutes }: StragglerFacts,
  waits: (waitingFor: WaitingFor, because: readonly string[], seconds: number) => CatchUpTurn,
): CatchUpTurn {
  const next = nextOpening(windows, now, expectedMinutes);
  if (!next) return waits('window', ['no window is known that is long enough'], Infinity);
  const seconds = secondsBetween(now, next.opensAt);
  return waits('window', [`its window opens ${next.words}`], seconds);
}

/** A patch of a plan with what it was judged by. `added`: it came with another, and was never judged itself. */
export type PlannedPatch = Pick<Patch, 'package' | 'architecture' | 'to'> & {
  readonly decision: 'approved' | 'added';
  readonly class: UpdateClass;
  readonly severity: Severity;
  readonly cves: readonly string[];
  readonly publishedAt: string | null;
  readonly firstSeenAt: string;
};

/**
 * Why a plan may not be carried out any more, by the policy as it is now; empty while it may. Rules are asked again in
 * full for what they approved; what came with it must only not be rejected.
 * @param question.policy the newest version, null when the client's files no longer name it
 */
export function approvalsLost(question: {
  readonly patches: readonly PlannedPatch[];
  readonly policyName: string;
  readonly policy: Policy | null;
  readonly endpointName: string;
  /** What an emergency is for; null for a standard cycle. */
  readonly advisory: string | null;
  readonly now: string;
}): string[] {
  const { patches, policyName, policy, endpointName, advisory, now } = question;
  if (policy === null) return [`policy ${policyName} is not in force any more`];
  if (policy.mode === 'report only') return [`policy ${policyName} only reports by now`];
  return patches.flatMap((patch) => {
    const classification = { class: patch.class, severity: patch.severity, because: [] };
    const { publishedAt: releasedAt, firstSeenAt, cves, to } = patch;
    const update = { package: patch.package, to, cves, classification, releasedAt, firstSeenAt };
    const asked = { update, endpointName, policy, now };
    const approval = advisory === null ? judgeUpdate(asked) : judgeEmergencyUpdate({ ...asked, advisory });
    const rejected = approval.rule === 'block' || approval.rule === 'exception';
    if (approval.decision === 'approved' || (patch.decision === 'added' && !rejected)) return [];
    return [`${patch.package} ${to} is not approved any more: ${approval.because.join('; ')}`];
  });
}

/**
 * Why a plan is out of date, by what the endpoint's own package manager offers now; null while it is not. A newer
 * version was proven by no endpoint: it comes with the next cycle, from its first ring (rule 12:
 * docs/rules.md#rule-12).
 */
export function supersededBy(
  patches: readonly Pick<PlannedPatch, 'package' | 'architecture' | 'to' | 'decision'>[],
  offered: readonly Pick<Patch, 'package' | 'architecture' | 'to'>[],
): string | null {
  const asked = patches.filter((patch) => patch.decision === 'approved');
  const offers = new Map(offered.map((offer) => [`${offer.package}:${offer.architecture}`, offer.to]));
  const offerOf = (patch: (typeof asked)[number]) => offers.get(`${patch.package}:${patch.architecture}`);
  const newer = asked.find((patch) => compareVersions(offerOf(patch) ?? '0', patch.to) > 0);
  if (newer) return `${newer.package} ${newer.to} is superseded by ${offerOf(newer)}, which no endpoint has proven yet`;
  if (asked.length > 0 && asked.every((patch) => offerOf(patch) === undefined))
    return 'nothing of its plan is pending on it any more';
  return null;
}

/** What a person needs to know of an endpoint that was not done in time, the most important first. */
export function historyOf(straggler: {
  readonly startedAt: string;
  readonly deadlineAt: string;
  readonly lastSeenAt: string | null;
  readonly waitingFor: WaitingFor | null;
  readonly reasons: readonly string[];
  readonly windows: readonly WindowInstant[];
  readonly expectedMinutes: number;
  /** Earlier attempts that led to nothing. */
  readonly attempts: readonly { readonly at: string; readonly because: readonly string[] }[];
}): string[] {
  const { startedAt, deadlineAt, lastSeenAt, waitingFor, reasons, attempts, expectedMinutes } = straggler;
  const missed = straggler.windows.filter(
    ({ opensAt, closesAt }) =>
      opensAt < deadlineAt && closesAt > startedAt && secondsBetween(opensAt, closesAt) >= expectedMinutes * 60,
  );
  const last = missed.at(-1);
  return [
    `NOT DONE: its deadline ${deadlineAt} passed, ${sayMinutes(secondsBetween(startedAt, deadlineAt) / 60)} after its cycle began; a person has to look at it`,
    lastSeenAt === null ? 'it was never seen' : `it was last seen at ${lastSeenAt}`,
    last
      ? `${missed.length} of its windows passed, the last one ${last.words}`
      : `none of its windows was long enough for ${sayMinutes(expectedMinutes)}`,
    ...attempts.map(({ at, because }) => `tried at ${at}: ${because.join('; ')}`),
    `at last it waited for ${waitingFor ?? 'its turn'}${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}`,
  ];
}

function turn(verdict: CatchUpTurn['verdict'], ...because: readonly string[]): CatchUpTurn {
  return { verdict, outcome: null, waitingFor: null, seconds: 1, because };
}

function ends(outcome: EndpointOutcome, because: string): CatchUpTurn {
  return { ...turn('end', because), outcome };
}

function secondsBetween(from: string, until: string): number {
  return (Date.parse(until) - Date.parse(from)) / 1000;
}
