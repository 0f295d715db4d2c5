/**
 * Whether the good patches of a change record go on without the bad ones, and with which endpoints (rule 12:
 * docs/rules.md#rule-12). A set from which a patch was dropped is another set: it gets a record of its own that names
 * its parent and the reason, is tried again by a dry run, and starts at the first ring.
 *
 * A halt becomes a successor only when it is understood: every failure of the record points to patches, no endpoint is
 * in a state that is not known, and something is left that no failure points to. Whatever cannot be told that way stays
 * halted. Whoever was patched gets nothing again; an endpoint that was rolled back for a dropped patch gets the others.
 *
 * A person who skips a patch has decided what leaves and that the rest goes on: then the policy is not asked.
 */
import { patchInWords } from '../patches/breaker.ts';
import { type SkippedPatch, skippedInWords } from '../patches/excluded.ts';
import { listed } from '../words.ts';
import type { AfterHalt } from '../policies/policy.ts';
import type { EndpointOutcome } from '../endpoints/saga.ts';
import { type PatchId, patchKey } from '../patch.ts';

/** Each successor halted in its turn; a fourth bad patch in one cycle is for a person to look at. */
export const successorsAtMost = 3;

/** An endpoint of the record, as it stands when its ring was judged. */
export type RecordMember = {
  readonly endpointId: string;
  /** Null: it has not ended. */
  readonly outcome: EndpointOutcome | null;
  /** Work on it is under way, with what the record gave it: it ends with that. */
  readonly atWork: boolean;
  /** It is not known how the work on it ended. */
  readonly unknown: boolean;
  /** What the record gives it; null when what is due could not be read. */
  readonly patches: readonly PatchId[] | null;
  /** What its failure, or its being left out, points to; empty when nothing. */
  readonly patchesAtFault: readonly PatchId[];
  /** It was verified, and failed afterwards: during the soak, or by a user's answer. */
  readonly regressed: boolean;
};

export type SuccessorQuestion = {
  readonly verdict: 'advance' | 'hold' | 'halt';
  readonly isLastRing: boolean;
  /** Successors that this cycle has made already. */
  readonly made: number;
  readonly afterHalt: AfterHalt;
  /** False when it is not known whether the ring went well: then nothing continues by itself. */
  readonly healthDataPresent: boolean;
  /** What people have taken out of the cycle. */
  readonly skipped: readonly SkippedPatch[];
  readonly members: readonly RecordMember[];
};

export type Successor = {
  /** `no`: the record ends as its gates say. `ask`: a person may let the others go on. `go on`: they do. */
  readonly goesOn: 'no' | 'ask' | 'go on';
  readonly because: readonly string[];
  readonly dropped: readonly PatchId[];
  /** Which endpoints are in it, and why. */
  readonly members: readonly { readonly endpointId: string; readonly because: string }[];
};

/**
 * Decides after a ring was judged. A halt is followed as the policy says. Endpoints that were left out since a patch of
 * theirs was stopped everywhere, or skipped, get the rest of their set when the rings are through, or when a gate
 * would wait for them in vain: that the patch is dropped has been decided already, so no person is asked, unless the
 * policy wants no successor. Nothing goes on by itself past an endpoint that could not be rolled back, or past a soak
 * that nobody could watch. Where everything that leaves was skipped by a person, it does not go on by itself.
 */
export function judgeSuccessor(question: SuccessorQuestion): Successor {
  const { verdict, isLastRing, made, afterHalt, skipped, members } = question;
  const dropped = droppedOf(members);
  const skippedKeys = new Set(skipped.map(patchKey));
  const byPerson = dropped.length > 0 && dropped.every((patch) => skippedKeys.has(patchKey(patch)));
  const excluded = members.filter(isExcluded);
  if (verdict !== 'halt' && (excluded.length === 0 || (verdict === 'advance' && !isLastRing)))
    return no('its gates decide');
  if (afterHalt === 'stop' && !byPerson) return no('the policy wants no successor: what is halted stays halted');
  if (made >= successorsAtMost && !byPerson)
    return no(`the cycle has made ${made} successors already: a person has to look`);
  const puzzle = verdict === 'halt' ? notUnderstood(members) : unknownAmong(members);
  if (puzzle) return no(puzzle);
  const reentrants = members.flatMap((member) => reentering(member, dropped) ?? []);
  if (reentrants.length === 0) return no('nothing is left that no failure points to');
  const inDoubt = !question.healthDataPresent || members.some(({ outcome }) => outcome === 'quarantined');
  const asks = !byPerson && (inDoubt || (verdict === 'halt' && afterHalt === 'ask'));
  return {
    goesOn: asks ? 'ask' : 'go on',
    because: [
      ...whyTheyLeave(dropped, skipped, members),
      `${reentrants.length} endpoints get the rest, from the first ring on`,
      ...(asks || byPerson ? [] : ['the policy lets it go on']),
    ],
    dropped,
    members: reentrants,
  };
}

/** In a person's words what was skipped; for the rest, who failed with it or was left out for it. */
function whyTheyLeave(
  dropped: readonly PatchId[],
  skipped: readonly SkippedPatch[],
  members: readonly RecordMember[],
): readonly string[] {
  const words = new Map(skipped.map((patch) => [patchKey(patch), skippedInWords(patch)]));
  const isOther = (patch: PatchId) => !words.has(patchKey(patch));
  const blaming = members.filter((member) => isBlaming(member) && member.patchesAtFault.some(isOther));
  const reasons = [...new Set(words.values())].map((because) => ({
    because,
    patches: dropped.filter((patch) => words.get(patchKey(patch)) === because),
  }));
  return [...reasons, { because: listed(blaming.map(describeBlame), 3), patches: dropped.filter(isOther) }]
    .filter(({ patches }) => patches.length > 0)
    .map(({ because, patches }) => {
      const names = [...new Set(patches.map(patchInWords))];
      return `${listed(names)} ${names.length === 1 ? 'leaves' : 'leave'} the record: ${because}`;
    });
}

/** Patches that failures, and the breaker, point to. Each once. */
function droppedOf(members: readonly RecordMember[]): readonly PatchId[] {
  const blamed = members.filter(isBlaming).flatMap((member) => member.patchesAtFault);
  return [...new Map(blamed.map((patch) => [patchKey(patch), patch])).values()];
}

function isBlaming(member: RecordMember): boolean {
  return member.patchesAtFault.length > 0 && (hasFailed(member) || isExcluded(member));
}

function hasFailed({ outcome, regressed }: RecordMember): boolean {
  return outcome === 'rolled_back' || outcome === 'quarantined' || regressed;
}

function isExcluded({ outcome, patchesAtFault }: RecordMember): boolean {
  return outcome === 'skipped' && patchesAtFault.length > 0;
}

/** Why it is not known what is to be dropped; null when every failure points to patches. */
function notUnderstood(members: readonly RecordMember[]): string | null {
  const failed = members.filter(hasFailed);
  const puzzling = failed.filter(({ patchesAtFault }) => patchesAtFault.length === 0);
  if (puzzling.length > 0)
    return `the failure of ${listed(puzzling.map(({ endpointId }) => endpointId))} points to no patch`;
  // A halt without a failure is none of a gate.
  return failed.length === 0 ? 'nothing says which patch is at fault' : unknownAmong(members);
}

function unknownAmong(members: readonly RecordMember[]): string | null {
  const unknown = members.filter((member) => member.unknown);
  return unknown.length === 0
    ? null
    : `the state of ${listed(unknown.map(({ endpointId }) => endpointId))} is not known`;
}

/** Why an endpoint is in the successor; null when it is not: nothing is left for it, or it ended for another reason. */
function reentering(
  { endpointId, outcome, atWork, unknown, patches, patchesAtFault }: RecordMember,
  dropped: readonly PatchId[],
): { readonly endpointId: string; readonly because: string } | null {
  if (atWork || unknown) return null;
  if (patches === null) return outcome === null ? { endpointId, because: 'what is due on it is not known yet' } : null;
  const gone = new Set(dropped.map(patchKey));
  const remaining = patches.filter((patch) => !gone.has(patchKey(patch)));
  if (remaining.length === 0) return null;
  if (outcome === null) return { endpointId, because: 'its turn had not come' };
  if (outcome === 'rolled_back')
    return { endpointId, because: `it was rolled back for ${listed(patchesAtFault.map(patchInWords))}` };
  if (outcome === 'skipped' && patchesAtFault.length > 0)
    return { endpointId, because: `it was left out for ${listed(patchesAtFault.map(patchInWords))}` };
  return null;
}

function describeBlame({ endpointId, outcome, regressed, patchesAtFault }: RecordMember): string {
  const names = listed(patchesAtFault.map(patchInWords));
  if (outcome === 'skipped') return `${endpointId} was left out for ${names}`;
  return `${endpointId} failed ${regressed ? 'after it had been verified' : 'its proof'} with ${names}`;
}

function no(because: string): Successor {
  return { goesOn: 'no', because: [because], dropped: [], members: [] };
}

const marker = ', successor ';

/** The name of a ring of the nth successor: its gate and its work are others than those of the ring it repeats. */
export function ringOfSuccessor(ring: string, successor: number): string {
  return successor === 0 ? ring : `${ring}${marker}${successor}`;
}

/** Which successor a ring belongs to; 0 for the rings of the first record. */
export function successorOf(ring: string): number {
  const at = ring.lastIndexOf(marker);
  return at < 0 ? 0 : Number(ring.slice(at + marker.length));
}

/** The ring of the policy that a ring repeats: its own name in the first record. */
export function ringRepeated(ring: string): string {
  const at = ring.lastIndexOf(marker);
  return at < 0 ? ring : ring.slice(0, at);
}
