/**
 * Which endpoints are patched when (rule 8: docs/rules.md#rule-8).
 *
 * Every endpoint of the record is in exactly one ring. The order is: named for the ring, less critical, then a hash of
 * endpoint and cycle, so that shuffling the input changes nothing and the next cycle draws new canaries. Canaries are
 * drawn among those online. Where there are at least two rings and two members, a redundancy group is never all in one
 * ring; where the rules would put it there, a later ring, or one more ring at the end, takes the last member.
 */
import { hashOf } from '../hash.ts';
import type { Criticality, RingRule } from '../policies/policy.ts';
import { amountOf, describeAmount } from '../policies/amount.ts';

export type RingCandidate = {
  readonly endpointName: string;
  readonly criticality: Criticality;
  readonly online: boolean;
  readonly redundancyGroup: string | null;
  readonly segment: string | null;
};

export type PlannedRing = {
  readonly name: string;
  /** In the order in which they start. */
  readonly endpoints: readonly { readonly endpointName: string; readonly because: readonly string[] }[];
  readonly because: readonly string[];
};

/** Rings that take no endpoint are omitted, and `because` says so. */
export type RingPlan = { readonly rings: readonly PlannedRing[]; readonly because: readonly string[] };

type Ring = {
  readonly rule: RingRule;
  readonly placed: { readonly endpointName: string; readonly because: readonly string[] }[];
  readonly because: string[];
  /** How many members of each redundancy group it has. */
  readonly members: Map<string, number>;
};
type Draw = {
  readonly ordered: readonly RingCandidate[];
  readonly rings: Ring[];
  readonly placed: Set<string>;
  /** How many members each redundancy group has in the record. */
  readonly groups: ReadonlyMap<string, number>;
  /** There are several rings: no redundancy group may be all in one. */
  readonly splits: boolean;
};

type RingQuestion = {
  readonly endpoints: readonly RingCandidate[];
  readonly rings: readonly RingRule[];
  readonly cycleId: string;
};

const rank: Readonly<Record<Criticality, number>> = { low: 0, medium: 1, high: 2 };

/**
 * Plans the rings of one cycle. Shares are of all endpoints of the record that are in the ring's segments, rounded up.
 * The first ring takes at most all but one where a later ring exists: there must be endpoints left to protect.
 * Example: 3 endpoints, rings canary (1), early (20%), rest: one in each.
 */
export function planRings(plan: RingQuestion): RingPlan {
  const first = drawRings(plan, plan.rings.length > 1);
  // Those that the only ring leaves over make a second one.
  const draw = first.rings.length > 1 && !first.splits ? drawRings(plan, true) : first;
  const { ordered } = draw;
  const empty = draw.rings.filter(({ placed }) => placed.length === 0).map(({ rule }) => rule.name);
  return {
    rings: draw.rings.filter(({ placed }) => placed.length > 0).map(toPlannedRing),
    because: [
      `${ordered.length} endpoints in ${draw.rings.length - empty.length} rings, drawn for cycle ${plan.cycleId}`,
      ...empty.map((name) => `ring ${name} is empty: no endpoint is left for it`),
    ],
  };
}

function drawRings({ endpoints, rings, cycleId }: RingQuestion, splits: boolean): Draw {
  const ordered = sortedByLot(endpoints, cycleId);
  const draw = { ordered, rings: rings.map(ringOf), placed: new Set<string>(), groups: groupSizes(ordered), splits };
  for (const ring of draw.rings) fill(draw, ring);
  placeRemaining(draw);
  return draw;
}

function ringOf(rule: RingRule): Ring {
  return { rule, placed: [], because: [], members: new Map() };
}

function sortedByLot(endpoints: readonly RingCandidate[], cycleId: string): RingCandidate[] {
  return endpoints
    .map((candidate) => ({ candidate, lot: hashOf(`${cycleId}\n${candidate.endpointName}`) }))
    .toSorted(
      (a, b) =>
        rank[a.candidate.criticality] - rank[b.candidate.criticality] ||
        a.lot - b.lot ||
        (a.candidate.endpointName < b.candidate.endpointName ? -1 : 1),
    )
    .map(({ candidate }) => candidate);
}

function groupSizes(candidates: readonly RingCandidate[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { redundancyGroup: group } of candidates)
    if (group !== null) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  return sizes;
}

function fill(draw: Draw, ring: Ring): void {
  const { rule } = ring;
  const open = openTo(draw, ring);
  const most = mostOf(draw, ring);
  const limit = Math.min(most, wantedOf(draw, ring));
  const named = open.filter(({ endpointName }) => rule.endpoints.includes(endpointName));
  const free = open.filter(
    (candidate) => !rule.endpoints.includes(candidate.endpointName) && !namedForLater(draw, ring, candidate),
  );
  // There is a first ring even where every endpoint is named for a later one.
  const drawn = draw.rings[0] === ring && named.length + free.length === 0 ? open : free;
  for (const candidate of named) {
    if (ring.placed.length < most) put(draw, ring, candidate, `named for ring ${rule.name}`);
  }
  for (const candidate of drawn) {
    if (ring.placed.length >= limit) return;
    put(draw, ring, candidate, `drawn by criticality, ${candidate.criticality}, then by lot`);
  }
}

/**
 * Which endpoints may be drawn for a ring. For the first one those online, and where its segments are not in the
 * record, any.
 */
function openTo(draw: Draw, ring: Ring): readonly RingCandidate[] {
  const unplaced = draw.ordered.filter(({ endpointName }) => !draw.placed.has(endpointName));
  const fitting = unplaced.filter((candidate) => isMeant(ring.rule, candidate));
  if (draw.rings[0] !== ring) return fitting;
  if (fitting.length === 0 && unplaced.length > 0)
    ring.because.push(
      `the record has no endpoint in ${ring.rule.segments?.join(' or ')}, so the first ring is drawn from all`,
    );
  const drawable = fitting.length > 0 ? fitting : unplaced;
  const online = drawable.filter((candidate) => candidate.online);
  if (online.length === 0 && drawable.length > 0)
    ring.because.push('no endpoint is online, so it is drawn among those offline, and its gate will hold');
  const offlineNames = ring.rule.endpoints.filter((name) =>
    drawable.some((each) => each.endpointName === name && !each.online),
  );
  if (online.length > 0 && offlineNames.length > 0)
    ring.because.push(`${offlineNames.join(', ')} is named for it, and offline: canaries are drawn among those online`);
  return online.length > 0 ? online : drawable;
}

/** The first ring leaves endpoints to protect where a later ring exists. */
function mostOf(draw: Draw, ring: Ring): number {
  const isFirst = draw.rings[0] === ring && draw.rings.length > 1;
  return isFirst ? Math.max(1, draw.ordered.length - 1) : draw.ordered.length;
}

/** How many the policy asks for; the first ring takes at least one, or there would be no first ring. */
function wantedOf(draw: Draw, ring: Ring): number {
  const { take } = ring.rule;
  if (take === 'rest') return draw.ordered.length;
  const wanted = amountOf(take, draw.ordered.filter((candidate) => isMeant(ring.rule, candidate)).length);
  return draw.rings[0] === ring ? Math.max(1, wanted) : wanted;
}

function isMeant(rule: RingRule, { segment, endpointName }: RingCandidate): boolean {
  if (rule.segments === null || rule.endpoints.includes(endpointName)) return true;
  return segment !== null && rule.segments.includes(segment);
}

function namedForLater(draw: Draw, ring: Ring, { endpointName }: RingCandidate): boolean {
  const later = draw.rings.slice(draw.rings.indexOf(ring) + 1);
  return later.some(({ rule }) => rule.endpoints.includes(endpointName));
}

/** Leaves out the member that would make a redundancy group complete in one ring: it is placed at the end. */
function put(draw: Draw, ring: Ring, candidate: RingCandidate, because: string): void {
  if (draw.splits && wouldComplete(draw, ring, candidate)) return;
  const group = candidate.redundancyGroup;
  if (group !== null) ring.members.set(group, (ring.members.get(group) ?? 0) + 1);
  ring.placed.push({ endpointName: candidate.endpointName, because: [because] });
  draw.placed.add(candidate.endpointName);
}

function wouldComplete(draw: Draw, ring: Ring, { redundancyGroup: group }: RingCandidate): boolean {
  if (group === null) return false;
  const size = draw.groups.get(group) ?? 0;
  return size > 1 && (ring.members.get(group) ?? 0) === size - 1;
}

/**
 * What remains: the last members of redundancy groups, and those no ring takes. A ring between the first and the last
 * takes them; never the first, which would grow beyond what the operator risks. Else one more ring at the end does.
 */
function placeRemaining(draw: Draw): void {
  const between = draw.rings.slice(1, -1);
  const added: Ring[] = [];
  for (const candidate of draw.ordered.filter(({ endpointName }) => !draw.placed.has(endpointName))) {
    const takes = (ring: Ring) => isMeant(ring.rule, candidate) && !wouldComplete(draw, ring, candidate);
    const ring = between.findLast(takes) ?? added.find(takes) ?? addRing(draw, added);
    const split = draw.rings.some((each) => wouldComplete(draw, each, candidate));
    const why = split
      ? `redundancy group ${candidate.redundancyGroup} may not be all in one ring`
      : 'no other ring takes it';
    put(draw, ring, candidate, why);
  }
}

function addRing(draw: Draw, added: Ring[]): Ring {
  const last = draw.rings.at(-1 - added.length)?.rule.name ?? 'rest';
  const ring = ringOf({ name: `${last}, part ${added.length + 2}`, take: 'rest', segments: null, endpoints: [] });
  ring.because.push('the policy has no such ring: it takes those that the others may not or do not take');
  added.push(ring);
  draw.rings.push(ring);
  return ring;
}

function toPlannedRing({ rule, placed, because }: Ring): PlannedRing {
  const take = rule.take === 'rest' ? 'the rest' : describeAmount(rule.take);
  return {
    name: rule.name,
    endpoints: placed,
    because: [`${placed.length} endpoints; the ring takes ${take}`, ...because],
  };
}
