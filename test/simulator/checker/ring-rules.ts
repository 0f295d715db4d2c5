/** Rules 8 and 12: who goes when, and what the next ring gets. */
import type { Criticality } from '../../../domain/policies/policy.ts';
import type { Row } from '../world/record.ts';
import type { Board } from './board.ts';
import type { Judgement, Rules } from './rule.ts';

export type RecordedRing = {
  readonly ring: string;
  readonly endpoints: readonly { readonly endpointId: string; readonly patches: readonly RecordedPatch[] }[];
};
type RecordedPatch = { readonly package: string; readonly architecture: string; readonly to: string };
type Content = { readonly rings: readonly RecordedRing[]; readonly parent?: unknown; readonly why?: string };

const rank: Readonly<Record<Criticality, number>> = { low: 0, medium: 1, high: 2 };
/** So many endpoints in the order of their names are no draw: one order in 3.6 million is. */
const suspiciousFrom = 10;

/** The newest record that names an endpoint, as it stands now. */
export function planOnRecord(board: Board, cycleId: string, endpointId: string): readonly RecordedPatch[] | null {
  const records = board.of('ChangeRecord', cycleId).toSorted((a, b) => Number(b['writtenAt']) - Number(a['writtenAt']));
  for (const record of records)
    for (const { endpoints } of contentOf(record).rings) {
      const named = endpoints.find((each) => each.endpointId === endpointId);
      if (named) return named.patches;
    }
  return null;
}

/** The rings of the record that drew this one, in order. */
export function ringsBeside(board: Board, cycleId: string, ring: string): readonly string[] {
  const drawn = board.of('ChangeRecord', cycleId).filter((record) => !isLate(record));
  const rings = drawn.map((record) => contentOf(record).rings.map((each) => each.ring));
  return rings.find((names) => names.includes(ring)) ?? [];
}

/** 8: each endpoint in exactly one ring, drawn as the policy says; who stands in for another is not disturbed with it. */
export const ringsAreDrawn: Rules = (judgement) => ({
  sees(fact, board) {
    if (fact.fact !== 'row' || !fact.after) return;
    if (fact.model === 'ChangeRecord' && fact.before === null && !isLate(fact.after))
      judgeDraw(judgement, board, fact.after, fact.at);
    if (fact.model !== 'CycleEndpoint' || fact.after['state'] !== 'in flight' || fact.before?.['state'] === 'in flight')
      return;
    const endpointId = String(fact.after['endpointId']);
    const group = groupOf(board, endpointId);
    if (group === null) return;
    const partner = board
      .holds()
      .find((hold) => hold.endpointId !== endpointId && groupOf(board, hold.endpointId) === group);
    const sentence = () =>
      `${endpointId} and ${partner?.endpointId} stand in for each other (${group}) and are in flight together`;
    judgement.must(8, fact.at, !partner, sentence);
  },
});

function judgeDraw({ must }: Judgement, board: Board, record: Row, at: number): void {
  const cycleId = String(record['cycleId']);
  const { rings } = contentOf(record);
  const placed = rings.flatMap(({ endpoints }) => endpoints.map(({ endpointId }) => endpointId));
  must(8, at, new Set(placed).size === placed.length, () => `an endpoint is in two rings of ${String(record['id'])}`);
  const groups = new Map<string, string[]>();
  for (const endpointId of placed) {
    const group = groupOf(board, endpointId);
    if (group !== null) groups.set(group, [...(groups.get(group) ?? []), endpointId]);
  }
  for (const [group, members] of groups) {
    if (members.length < 2 || rings.length < 2) continue;
    const all = rings.find(({ endpoints }) =>
      members.every((member) => endpoints.some(({ endpointId }) => endpointId === member)),
    );
    must(
      8,
      at,
      !all,
      () => `all of ${group} are in ring ${all?.ring} of ${String(record['id'])}, though it has ${rings.length} rings`,
    );
  }
  const [first, ...others] = rings;
  if (first) judgeCanaries({ must }, board, { cycleId, first, others, at });
  for (const { ring, endpoints } of rings)
    judgeLot({ must }, board, { ring, members: endpoints.map(({ endpointId }) => endpointId), at });
}

type Canaries = {
  readonly cycleId: string;
  readonly first: RecordedRing;
  readonly others: readonly RecordedRing[];
  readonly at: number;
};

/** Drawn among those online, named ones first, then the less critical. */
function judgeCanaries(
  { must }: Pick<Judgement, 'must'>,
  board: Board,
  { cycleId, first, others, at }: Canaries,
): void {
  const isOnline = (endpointId: string) => board.member(cycleId, endpointId)?.['online'] === true;
  const later = others.flatMap(({ endpoints }) => endpoints.map(({ endpointId }) => endpointId));
  const canaries = first.endpoints.map(({ endpointId }) => endpointId);
  if ([...canaries, ...later].some(isOnline)) {
    const silent = canaries.find((endpointId) => !isOnline(endpointId));
    must(8, at, !silent, () => `canary ${silent} of ${cycleId} was not online`);
  }
  if (others.length === 0 || board.policyOf(cycleId).rings.length === 1) return;
  const named = new Set(board.policyOf(cycleId).rings.flatMap(({ endpoints }) => endpoints));
  const nameOf = (endpointId: string) => endpointId.slice(0, endpointId.lastIndexOf('.'));
  const rankOf = (endpointId: string) => rank[board.endpoints.get(endpointId)?.stated.criticality ?? 'high'];
  const drawn = canaries.filter((endpointId) => !named.has(nameOf(endpointId)));
  const most = Math.max(...drawn.map(rankOf));
  const passedOver = later.find(
    (endpointId) => isOnline(endpointId) && groupOf(board, endpointId) === null && rankOf(endpointId) < most,
  );
  must(8, at, !passedOver, () => `${passedOver} is less critical than a canary of ${cycleId} and was passed over`);
  const forgotten = later.find(
    (endpointId) =>
      named.has(nameOf(endpointId)) && isOnline(endpointId) && groupOf(board, endpointId) === null && drawn.length > 0,
  );
  must(8, at, !forgotten, () => `${forgotten} is named as a canary of ${cycleId} and was passed over`);
}

/** Endpoints of one criticality stand in the order of a lot, not of their names. */
function judgeLot(
  { must }: Pick<Judgement, 'must'>,
  board: Board,
  { ring, members, at }: { ring: string; members: readonly string[]; at: number },
): void {
  for (const criticality of ['low', 'medium', 'high']) {
    const alike = members.filter((endpointId) => board.endpoints.get(endpointId)?.stated.criticality === criticality);
    if (alike.length < suspiciousFrom) continue;
    const sorted = alike.toSorted();
    const isSorted = alike.every((endpointId, index) => endpointId === sorted[index]);
    must(8, at, !isSorted, () => `ring ${ring} goes by the names of its endpoints: that is no lot`);
  }
}

/** 12: an endpoint gets exactly what the newest record that names it says; who comes late gets what others have proven. */
export const recordAndNothingElse: Rules = ({ must, counts }) => ({
  sees(fact, board) {
    if (fact.fact === 'row' && fact.model === 'ChangeRecord' && fact.before === null && fact.after) {
      const { parent, why } = contentOf(fact.after);
      if (fact.after['parentId'] === null) return counts(12);
      must(
        12,
        fact.at,
        parent !== undefined && (why ?? '') !== '',
        () => `${String(fact.after?.['id'])} names no parent or no reason`,
      );
    }
    if (fact.fact !== 'effect begun' || fact.kind !== 'install' || !board.isProduction(fact.endpointId)) return;
    const { endpointId, at } = fact;
    const cycleId = board.purposeOf(fact.operationId)?.cycleId ?? '';
    const planned = planOnRecord(board, cycleId, endpointId);
    const say = (patches: readonly RecordedPatch[]) =>
      patches
        .map((patch) => `${patch.package}=${patch.to}`)
        .toSorted()
        .join(' ');
    must(
      12,
      at,
      planned !== null && say(planned) === say(fact.patches),
      () =>
        `${endpointId} gets ${say(fact.patches)} from ${cycleId}, and the record says ${planned ? say(planned) : 'nothing of it'}`,
    );
    if (!board.of('ChangeRecord', cycleId).some((record) => isLate(record) && namesOne(record, endpointId))) return;
    const unproven = fact.patches.find((patch) => !isProven(board, cycleId, patch));
    must(
      12,
      at,
      !unproven,
      () => `${endpointId} comes late and gets ${unproven?.package}, which ${cycleId} has proven nowhere`,
    );
  },
});

function isProven(board: Board, cycleId: string, patch: RecordedPatch): boolean {
  return board
    .of('CyclePatch', cycleId)
    .some((row) => row['package'] === patch.package && row['toVersion'] === patch.to && row['proven'] === true);
}

function isLate(record: Row): boolean {
  return String(record['id']).includes('/record-late-');
}

function namesOne(record: Row, endpointId: string): boolean {
  return contentOf(record).rings.some(({ endpoints }) => endpoints.some((each) => each.endpointId === endpointId));
}

function contentOf(record: Row): Content {
  return record['content'] as Content;
}

/** A redundancy group is the client's. */
export function groupOf(board: Board, endpointId: string): string | null {
  const group = board.endpoints.get(endpointId)?.stated.redundancyGroup ?? null;
  return group === null ? null : `${group} of ${endpointId.slice(endpointId.lastIndexOf('.') + 1)}`;
}
