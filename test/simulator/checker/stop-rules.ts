/** Rules 9, 13 and 14: what a site bears, and what stops. */
import type { Recorded, Row } from '../world/record.ts';
import type { Board } from './board.ts';
import { type Rules, iso, textsIn } from './rule.ts';
import type { Amount } from '../../../domain/policies/amount.ts';

/** 0.4 s until Temporal knows of an effect, one until it is taken up, and what a request is on its way. */
const submissionMilliseconds = 1600;
/** Distinct endpoints, of two clients at least: what the provider states where it states nothing. */
const breakerEndpoints = 2;

/** 9: at a site no more than its budget are in flight, failed or unknown together. */
export const budgetsHold: Rules = ({ must }) => ({
  sees(fact, board) {
    if (fact.fact !== 'row' || fact.model !== 'CycleEndpoint' || fact.after?.['state'] !== 'in flight') return;
    if (fact.before?.['state'] === 'in flight') return;
    const [cycleId, endpointId, siteId] = ['cycleId', 'endpointId', 'siteId'].map((name) =>
      String(fact.after?.[name]),
    ) as [string, string, string];
    const { used, budget } = siteLoad(board, { cycleId, endpointId, siteId });
    must(
      9,
      fact.at,
      used.size <= budget,
      () =>
        `${cycleId} starts ${endpointId} at ${siteId}, where ${budget} may be disturbed together, and are then: ${[...used].join(', ')}`,
    );
  },
});

/** Who is disturbed at a site when this endpoint starts too, and how many may be. */
export function siteLoad(
  board: Board,
  { cycleId, endpointId, siteId }: { cycleId: string; endpointId: string; siteId: string },
): { readonly used: ReadonlySet<string>; readonly budget: number } {
  const used = disturbedAt(board, cycleId, siteId).add(endpointId);
  const size = [...board.endpoints.values()].filter((each) => each.siteId === siteId).length;
  const own = amount(board.policyOf(cycleId).budget, size);
  return { used, budget: Math.min(own, amount(board.sites.get(siteId)?.budget ?? null, size)) };
}

function disturbedAt(board: Board, cycleId: string, siteId: string): Set<string> {
  const running = new Set(
    board
      .rows('Cycle')
      .filter((row) => row['state'] === 'running')
      .map((row) => row['id']),
  );
  const disturbed = board.rows('CycleEndpoint').filter((row) => {
    if (row['siteId'] !== siteId) return false;
    if (row['state'] === 'in flight' || row['state'] === 'unknown' || row['state'] === 'rolling back') return true;
    const failed = row['outcome'] === 'rolled_back' || (row['outcome'] === 'quarantined' && row['releasedAt'] === null);
    return failed && (row['cycleId'] === cycleId || running.has(row['cycleId'])) && !isCleared(board, row);
  });
  return new Set(disturbed.map((row) => String(row['endpointId'])));
}

/** Proven to work by a cycle that worked on it later. */
function isCleared(board: Board, failed: Row): boolean {
  return board.statesOf(String(failed['endpointId'])).some((row) => {
    if (row['cycleId'] === failed['cycleId']) return false;
    const proven = row['outcome'] === 'patched' || row['outcome'] === 'unchanged' || row['outcome'] === 'rolled_back';
    return failed['outcome'] === 'quarantined' && proven && Number(row['endedAt']) > Number(failed['endedAt']);
  });
}

function amount(stated: Amount | null, size: number): number {
  if (stated === null) return Infinity;
  return 'count' in stated ? stated.count : Math.ceil((stated.percent * size) / 100 - 1e-9);
}

type HaltSeen = { readonly row: Row; readonly fromAt: number; untilAt: number };

/**
 * 13: within two seconds of a halt nothing it covers is submitted any more, nor a patch that was skipped; and no permit is
 * older than that.
 */
export const haltsStop: Rules = ({ must, counts }) => {
  const halts = new Map<string, HaltSeen>();
  const skipped: HaltSeen[] = [];
  const jumps: { readonly at: number; readonly byMs: number }[] = [];
  return {
    sees(fact, board) {
      if (fact.fact === 'clock jumped') jumps.push(fact);
      if (fact.fact === 'row' && fact.model === 'Halt' && fact.after) {
        const id = String(fact.after['id']);
        const known = halts.get(id);
        if (!known) halts.set(id, { row: fact.after, fromAt: fact.at, untilAt: Infinity });
        else if (fact.after['releasedAt'] !== null) known.untilAt = fact.at;
        counts(13);
      }
      if (fact.fact === 'row' && fact.model === 'SkippedPatch' && fact.after)
        skipped.push({ row: fact.after, fromAt: fact.at, untilAt: Infinity });
      if (fact.fact === 'effect begun') return mustHaveNoStoppedPatch(fact, board);
      if (fact.fact !== 'submitted' || fact.answer === 'known') return;
      const { at, endpointId, kind, operationId } = fact;
      const age = passed(Date.parse(fact.permitIssuedAt), at);
      must(
        13,
        at,
        age <= submissionMilliseconds,
        () => `${kind} on ${endpointId} was submitted under a permit of ${age} ms`,
      );
      if (kind !== 'install' && kind !== 'prefetch') return;
      const cycleId = board.purposeOf(operationId)?.cycleId ?? '';
      const stop = [...halts.values()].find(
        (halt) =>
          passed(halt.fromAt, at) > submissionMilliseconds &&
          at < halt.untilAt &&
          covers(halt.row, board, { cycleId, endpointId }),
      );
      must(
        13,
        at,
        !stop,
        () =>
          `${kind} on ${endpointId} was submitted by ${cycleId} ${Math.round((at - (stop?.fromAt ?? 0)) / 1000)} s after ${String(stop?.row['orderedBy'])} halted ${String(stop?.row['scope'])} ${String(stop?.row['subject'])}`,
      );
    },
  };

  function mustHaveNoStoppedPatch(
    { at, kind, endpointId, operationId, patches }: Extract<Recorded, { fact: 'effect begun' }>,
    board: Board,
  ): void {
    if (kind !== 'install' && kind !== 'prefetch') return;
    const cycleId = board.purposeOf(operationId)?.cycleId ?? '';
    const names = patches.map((patch) => `${patch.package}=${patch.to}`);
    const stop = [...halts.values(), ...skipped].find(
      ({ row, fromAt, untilAt }) =>
        row['cycleId'] === cycleId &&
        names.includes(patchStoppedBy(row)) &&
        passed(fromAt, at) > submissionMilliseconds &&
        at < untilAt,
    );
    must(
      13,
      at,
      !stop,
      () => `${kind} on ${endpointId} by ${cycleId} has ${patchStoppedBy(stop?.row ?? {})}, skipped or halted before`,
    );
  }

  /** Time that has passed by other clocks too. */
  function passed(fromAt: number, at: number): number {
    return jumps.reduce((ms, jump) => (jump.at < fromAt || jump.at > at ? ms : ms - jump.byMs), at - fromAt);
  }
};

/** As an order names it; empty for a halt of something else. */
function patchStoppedBy(row: Row): string {
  const { package: name, version, scope, subject = '' } = row as Readonly<Record<string, string | undefined>>;
  if (name !== undefined) return `${name}=${version}`;
  return scope === 'patch' ? subject : '';
}

export function covers(
  halt: Row,
  board: Board,
  { cycleId, endpointId }: { cycleId: string; endpointId: string },
): boolean {
  if (halt['cycleId'] !== null && halt['cycleId'] !== cycleId) return false;
  const member = board.member(cycleId, endpointId);
  const { scope, subject } = halt as { scope?: string; subject?: string };
  if (scope === undefined || scope === 'cycle') return true;
  if (scope === 'ring') return member?.['ring'] === subject;
  if (scope === 'site') return member?.['siteId'] === subject;
  return scope === 'endpoint' && endpointId === subject;
}

/** 14: what failed on enough endpoints of two clients is installed nowhere any more, until a person releases it. */
export const badPatchesStop: Rules = ({ must, counts }) => {
  const failures = new Map<string, Map<string, string>>();
  const stops = new Map<string, number>();
  return {
    sees(fact) {
      if (fact.fact === 'row' && fact.model === 'PatchBreaker' && fact.after) heardOfRelease(fact.after);
      const failed = failedMember(fact);
      if (failed) for (const patch of textsIn(failed['patchesAtFault'])) countFailure(patch, failed, fact.at);
      if (fact.fact !== 'effect begun' || fact.kind !== 'install') return;
      for (const { package: name, architecture, to } of fact.patches) {
        const stoppedAt = stops.get(`${name}:${architecture}=${to}`) ?? Infinity;
        must(
          14,
          fact.at,
          fact.at <= stoppedAt + submissionMilliseconds,
          () => `${name} ${to} is installed on ${fact.endpointId}, though it stopped for everyone at ${iso(stoppedAt)}`,
        );
      }
    },
  };

  function countFailure(patch: string, row: Row, at: number): void {
    const seen = failures.get(patch) ?? new Map<string, string>();
    failures.set(patch, seen);
    seen.set(String(row['endpointId']), String(row['clientId']));
    counts(14);
    if (seen.size >= breakerEndpoints && new Set(seen.values()).size >= 2 && !stops.has(patch)) stops.set(patch, at);
  }

  function heardOfRelease(row: Row): void {
    const patch = `${String(row['package'])}:${String(row['architecture'])}=${String(row['version'])}`;
    if (row['releasedAt'] === null || row['inForce'] === true) return;
    failures.delete(patch);
    stops.delete(patch);
  }
};

/** A member that has just ended as failed. */
function failedMember(fact: Recorded): Row | null {
  if (fact.fact !== 'row' || fact.model !== 'CycleEndpoint' || !fact.after) return null;
  const { before, after } = fact;
  const isFailed = (row: Row | null) => row?.['outcome'] === 'rolled_back' || row?.['outcome'] === 'quarantined';
  return isFailed(after) && !isFailed(before) && before?.['state'] !== 'rolling back' ? after : null;
}
