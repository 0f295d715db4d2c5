/** Rules 1 to 5 and 7: what is done to one endpoint, and how it ends. */
import type { Patch } from '../../../domain/patch.ts';
import type { Recorded, Row, Truth } from '../world/record.ts';
import type { Board, LockHold } from './board.ts';
import { type Rules, iso } from './rule.ts';

const ends: ReadonlySet<unknown> = new Set([
  'patched',
  'unchanged',
  'rolled_back',
  'quarantined',
  'skipped',
  'superseded',
]);
const waits: ReadonlySet<unknown> = new Set(['offline', 'window', 'budget', 'reboot', 'approval', 'ring', 'halt']);

/** 1: an endpoint is held by one cycle at a time, and who does something to it holds it. */
export const heldByOne: Rules = ({ must }) => {
  const holders = new Map<string, Set<string>>();
  return {
    sees(fact, board) {
      if (fact.fact === 'row' && fact.model === 'CycleEndpoint' && fact.after) {
        const { endpointId, cycleId, state } = fact.after as Record<string, string>;
        if (endpointId === undefined || cycleId === undefined) return;
        const others = holders.get(endpointId) ?? new Set<string>();
        holders.set(endpointId, others);
        if (state !== 'in flight' && state !== 'rolling back') others.delete(cycleId);
        else if (!others.has(cycleId)) {
          others.add(cycleId);
          must(1, fact.at, others.size === 1, () => `${endpointId} is held by ${[...others].join(' and ')}`);
        }
      }
      const act = actOn(fact, board);
      if (!act) return;
      const holder = board.hold(act.endpointId)?.cycleId;
      must(
        1,
        fact.at,
        holder === act.cycleId,
        () => `${act.cycleId} does something to ${act.endpointId} (${act.what}), which ${holder ?? 'nobody'} holds`,
      );
    },
  };
};

/** What is done to a production endpoint, and in whose name; fetching changes nothing of it. */
function actOn(fact: Recorded, board: Board): { endpointId: string; cycleId: string | undefined; what: string } | null {
  if (!('endpointId' in fact) || !board.isProduction(fact.endpointId)) return null;
  const { endpointId } = fact;
  if (fact.fact === 'effect begun' && fact.kind !== 'prefetch')
    return { endpointId, cycleId: board.purposeOf(fact.operationId)?.cycleId, what: fact.kind };
  if (fact.fact !== 'snapshot taken' && fact.fact !== 'restored') return null;
  const record = board.row('SnapshotRecord', fact.snapshotId);
  return { endpointId, cycleId: record?.['cycleId'] as string | undefined, what: fact.fact };
}

/**
 * 2 and 3: before an install there is a verified snapshot, on record before it was taken, or somebody who waives it.
 */
export const undoBeforeAct: Rules = ({ must }) => ({
  sees(fact, board) {
    if (fact.fact === 'snapshot taken' && board.isProduction(fact.endpointId)) {
      const recorded = board.row('SnapshotRecord', fact.snapshotId) !== undefined;
      must(
        3,
        fact.at,
        recorded,
        () => `snapshot ${fact.snapshotId} of ${fact.endpointId} was taken before it was on record`,
      );
    }
    if (fact.fact !== 'effect begun' || fact.kind !== 'install' || !board.isProduction(fact.endpointId)) return;
    const hold = board.hold(fact.endpointId);
    const cycleId = board.purposeOf(fact.operationId)?.cycleId ?? '';
    const usable = hold?.snapshot?.usable === true;
    const waived = !usable && isWaived(board, cycleId);
    must(
      2,
      fact.at,
      usable || waived,
      () => `${cycleId} installs on ${fact.endpointId} without a verified snapshot, and nobody waived it`,
    );
    if (!waived)
      must(3, fact.at, usable, () => `${cycleId} installs on ${fact.endpointId} and has no way to roll back`);
  },
});

function isWaived(board: Board, cycleId: string): boolean {
  if (board.policyOf(cycleId).snapshot.required) return false;
  return board
    .of('ChangeRecord', cycleId)
    .some((row) => /^waived by .+ applied by \S+/.test(String((row['content'] as Row | null)?.['snapshot'])));
}

/** 4: an effect happens at most once; whoever is late, or asks again, changes nothing. */
export const atMostOnce: Rules = ({ must, counts }) => {
  const begun = new Set<string>();
  return {
    sees(fact, board) {
      if (fact.fact === 'submitted' && fact.answer !== 'accepted') counts(4);
      if (fact.fact !== 'effect begun') return;
      const { endpointId, operationId, generation, kind, patches } = fact;
      const again = () => `${kind} was begun twice on ${endpointId} in generation ${generation}`;
      const id = `${endpointId} ${operationId} ${generation}`;
      must(4, fact.at, !begun.has(id), again);
      begun.add(id);
      if (kind !== 'install') return;
      const cycleId = board.purposeOf(operationId)?.cycleId;
      const install = `${endpointId} ${cycleId} ${generation} ${patches.map(nameOf).join(' ')}`;
      must(4, fact.at, !begun.has(install), again);
      begun.add(install);
    },
  };
};

/** 5: patched means proven by what was last seen, and nothing has been done since. */
export const provenPatched: Rules = ({ must, violated }) => {
  const holds = new Map<string, LockHold>();
  return {
    sees(fact, board) {
      for (const hold of 'endpointId' in fact ? [board.hold(fact.endpointId)] : [])
        if (hold) holds.set(hold.endpointId, hold);
      if (fact.fact !== 'row' || fact.model !== 'CycleEndpoint' || fact.after?.['outcome'] !== 'patched') return;
      if (fact.before?.['outcome'] === 'patched' || fact.before?.['state'] === 'rolling back') return;
      const [endpointId, cycleId] = [String(fact.after['endpointId']), String(fact.after['cycleId'])];
      const hold = holds.get(endpointId);
      const installs =
        hold?.cycleId === cycleId ? hold.begun.filter(({ kind }) => kind === 'install' || kind === 'repair') : [];
      if (!hold?.before || !hold.lastSeen || installs.length === 0)
        return violated(
          5,
          fact.at,
          `${endpointId} is called patched in ${cycleId}, and nothing was installed or observed`,
        );
      const problem = whyNotProven(board, hold, hold.before, hold.lastSeen.truth, installs.at(-1)?.patches ?? []);
      must(5, fact.at, problem === null, () => `${endpointId} is called patched in ${cycleId}, but ${problem}`);
    },
  };
};

function whyNotProven(
  board: Board,
  hold: LockHold,
  before: Truth,
  after: Truth,
  patches: readonly Patch[],
): string | null {
  const policy = board.policyOf(hold.cycleId);
  const missing = patches.find((patch) => after.packages[patch.package] !== patch.to);
  if (missing) return `${missing.package} is at ${after.packages[missing.package]} and not at ${missing.to}`;
  if (after.audit !== '') return `the package manager's audit says ${after.audit}`;
  const down = Object.keys(before.services).find(
    (service) => before.services[service] === 'running' && after.services[service] !== 'running',
  );
  if (down) return `service ${down} ran before and does not run now`;
  if (hold.begun.some(({ at }) => at > (hold.lastSeen?.at ?? 0)))
    return 'something was done to it after it was last observed';
  if (policy.reboot === 'never') return null;
  if (after.rebootPending) return 'a reboot is pending';
  const due = patches.some((patch) => before.packages[patch.package] !== patch.to && needsReboot(board, patch));
  return due && before.bootId === after.bootId ? 'a reboot was due and its boot id is the same' : null;
}

function needsReboot(board: Board, patch: Patch): boolean {
  return board.scenario.releases.some((release) => release.package === patch.package && release.effect === 'reboot');
}

/** 3 and 7: what was rolled back is as it was; what is said to have had nothing installed has not. */
export const asItWas: Rules = ({ must, counts }) => {
  const holds = new Map<string, LockHold>();
  return {
    sees(fact, board) {
      if ('endpointId' in fact) {
        const hold = board.hold(fact.endpointId);
        if (hold) holds.set(fact.endpointId, hold);
      }
      if (fact.fact !== 'row' || fact.model !== 'CycleEndpoint' || !fact.after) return;
      const { outcome, endpointId, cycleId } = fact.after as Record<string, string>;
      if (!outcome || fact.before?.['outcome'] === outcome || endpointId === undefined) return;
      const hold = holds.get(endpointId);
      if (hold?.cycleId !== cycleId || !hold?.before || !hold.lastSeen || hold.isRollback) return;
      const { truth } = hold.lastSeen;
      if (outcome === 'rolled_back') {
        const problem = difference(hold.before, truth);
        must(3, fact.at, problem === null, () => `${endpointId} is called rolled back in ${cycleId}, but ${problem}`);
      } else if (outcome === 'skipped') {
        const problem = difference(hold.before, truth);
        must(7, fact.at, problem === null, () => `${endpointId} is called skipped in ${cycleId}, but ${problem}`);
      } else counts(7);
    },
  };
};

function difference(before: Truth, after: Truth): string | null {
  const moved = Object.keys(before.packages).find((name) => before.packages[name] !== after.packages[name]);
  if (moved) return `${moved} is at ${after.packages[moved]} and was at ${before.packages[moved]}`;
  const down = Object.keys(before.services).find(
    (service) => before.services[service] === 'running' && after.services[service] !== 'running',
  );
  return down ? `service ${down} ran before and does not run now` : null;
}

/** 7: each endpoint ends as exactly one of the outcomes, or waits and is told as waiting. */
export const oneEnd: Rules = ({ must, counts }) => ({
  sees(fact) {
    if (fact.fact !== 'row' || fact.model !== 'CycleEndpoint' || !fact.after) return;
    const { before, after, at } = fact;
    const { endpointId, cycleId, outcome, state } = after as Record<string, string | null>;
    const was = before?.['outcome'] as string | null | undefined;
    const where = () => `${endpointId} of ${cycleId}`;
    if (outcome !== null) {
      must(7, at, ends.has(outcome), () => `${where()} ended as ${outcome}, which is no end`);
      must(
        7,
        at,
        state === 'ended' || state === 'rolling back',
        () => `${where()} is ${outcome} and at the same time ${state}`,
      );
    } else if (state === 'ended') must(7, at, false, () => `${where()} has ended as nothing`);
    if (was && outcome !== was && !mayChange(before, after))
      must(7, at, false, () => `${where()} had ended as ${was} and is ${outcome} now`);
  },
  ends(board, endedAt, running) {
    const busy = new Set(running);
    for (const row of board.rows('CycleEndpoint')) {
      const [endpointId, cycleId, state] = [String(row['endpointId']), String(row['cycleId']), row['state']];
      const [, clientId = ''] = cycleId.split('/');
      if (busy.has(cycleId) || busy.has(`endpoint/${clientId}/${endpointId}`)) continue;
      const cycle = board.row('Cycle', cycleId);
      if (cycle?.['endedAt'] === null || row['policyName'] !== board.policyOf(cycleId).name) continue;
      const settled = state === 'ended' || state === 'unknown' || (state === 'waiting' && waits.has(row['waitingFor']));
      must(
        7,
        endedAt,
        settled,
        () =>
          `${endpointId} of ${cycleId} is left ${String(state)}, waiting for ${String(row['waitingFor'])}, at ${iso(endedAt)}`,
      );
      counts(7);
    }
  },
});

/** Rolled back by a person's order, drawn into a successor record, or found by whoever looks after lost work. */
function mayChange(before: Row | null, after: Row): boolean {
  return (
    before?.['state'] === 'rolling back' ||
    after['state'] === 'rolling back' ||
    after['earlierOutcome'] === before?.['outcome']
  );
}

function nameOf(patch: Patch): string {
  return `${patch.package}=${patch.to}`;
}
