/** Rules 10 and 11: what a gate says, and how long a ring has soaked. */
import type { Row } from '../world/record.ts';
import type { Board } from './board.ts';
import { ringsBeside } from './ring-rules.ts';
import { type Rules, iso, textsIn } from './rule.ts';

const looksForAgents = 'its agent answers';
const second = 1000;

type Count = {
  readonly size: number;
  readonly verified: readonly Row[];
  readonly failed: readonly string[];
  readonly unknown: number;
  /** Failed during the soak: among `failed` too. */
  readonly regressed: readonly string[];
  /** Patched endpoints of which the last look got no answer, or there was none. */
  readonly withoutHealth: readonly string[];
};

/** Counts a ring again, from the rows of its members and the looks of its soak. */
function countRing(board: Board, cycleId: string, ring: string): Count {
  const members = board.of('CycleEndpoint', cycleId).filter((row) => row['ring'] === ring);
  const looks = board.of('SoakCheck', cycleId).filter((row) => row['ring'] === ring);
  const patched = members.filter((row) => row['outcome'] === 'patched');
  const regressed = patched.filter((row) => regressionOf(board, cycleId, row, looks)).map(nameOf);
  const failed = members
    .filter((row) => row['outcome'] === 'rolled_back' || row['outcome'] === 'quarantined')
    .map(nameOf);
  return {
    size: members.length,
    verified: patched.filter((row) => !regressed.includes(nameOf(row))),
    failed: [...failed, ...regressed],
    unknown: members.filter((row) => row['state'] === 'unknown').length,
    regressed,
    withoutHealth: patched.map(nameOf).filter((name) => lastAnswer(looks, name) !== true),
  };
}

function regressionOf(board: Board, cycleId: string, member: Row, looks: readonly Row[]): boolean {
  const proof = board
    .of('Evidence', cycleId)
    .filter((row) => row['endpointId'] === member['endpointId'] && row['kind'] === 'after')
    .at(-1)?.['content'] as { checks: readonly { check: string; passed: boolean }[] } | undefined;
  const worked = new Set(proof?.checks.filter(({ passed }) => passed).map(({ check }) => check));
  return looks.some(
    (look) =>
      look['endpointId'] === member['endpointId'] && look['passed'] === false && worked.has(String(look['check'])),
  );
}

function lastAnswer(looks: readonly Row[], endpointId: string): boolean | undefined {
  const own = looks.filter((look) => look['endpointId'] === endpointId && look['check'] === looksForAgents);
  return own.toSorted((a, b) => Number(a['at']) - Number(b['at'])).at(-1)?.['passed'] as boolean | undefined;
}

/** 10: advance, hold or halt by the numbers; and the next ring only after an advance, or a person's. */
export const gatesCount: Rules = ({ must }) => {
  const excused = new Set<string>();
  return {
    sees(fact, board) {
      if (fact.fact !== 'row' || !fact.after) return;
      const { model, after, before, at } = fact;
      if (model === 'AuditEvent' && (after['action'] === 'release patch' || after['action'] === 'advance'))
        excused.add(after['action'] === 'advance' ? cycleIn(board, String(after['subject'])) : 'everyone');
      if (model === 'GateVerdict') judgeVerdict(after, at, board);
      if (model !== 'CycleEndpoint' || after['state'] !== 'in flight' || before?.['state'] === 'in flight') return;
      const [cycleId, ring] = [String(after['cycleId']), String(after['ring'])];
      const rings = ringsBeside(board, cycleId, ring);
      const previous = rings[rings.indexOf(ring) - 1];
      if (previous === undefined) return;
      const gate = board.of('GateVerdict', cycleId).find((row) => row['ring'] === previous);
      const mayStart =
        gate?.['verdict'] === 'advance' || (gate !== undefined && (excused.has(cycleId) || excused.has('everyone')));
      must(
        10,
        at,
        mayStart,
        () =>
          `${String(after['endpointId'])} of ring ${ring} starts, and ring ${previous} of ${cycleId} says ${(gate?.['verdict'] as string | undefined) ?? 'nothing yet'}`,
      );
    },
  };

  function judgeVerdict(row: Row, at: number, board: Board): void {
    const [cycleId, ring, verdict] = [String(row['cycleId']), String(row['ring']), row['verdict']];
    const { gate } = board.policyOf(cycleId);
    const count = countRing(board, cycleId, ring);
    const tried = count.verified.length + count.failed.length;
    const share = tried === 0 ? 0 : (100 * count.failed.length) / tried;
    const tooMany =
      count.failed.length > gate.failuresAtMost ||
      (gate.failurePercentAtMost !== null && share > gate.failurePercentAtMost);
    const needed = Math.max(1, Math.min(gate.atLeastVerified, count.size));
    const inNumbers = `${count.verified.length} of ${count.size} verified (${needed} needed), ${count.failed.length} failed (${gate.failuresAtMost} may), ${count.unknown} unknown, ${count.withoutHealth.length} without health data`;
    const said = () => `ring ${ring} of ${cycleId} says ${String(verdict)}, with ${inNumbers}`;
    const isExcused = excused.has('everyone');
    if (verdict === 'halt') must(10, at, tooMany, said);
    else must(10, at, !tooMany || isExcused, said);
    if (verdict !== 'advance') return;
    const enough = count.verified.length >= needed && count.unknown === 0 && count.withoutHealth.length === 0;
    must(10, at, enough, said);
    must(20, at, count.withoutHealth.length === 0 && count.unknown === 0, said);
    must(10, at, textsIn(row['because']).length > 0, () => `ring ${ring} of ${cycleId} says advance and not why`);
  }
};

/** 11: the soak runs from the last verified endpoint, is watched to its end, and what is found in it counts. */
export const soaksAreLong: Rules = ({ must, counts }) => ({
  sees(fact, board) {
    if (fact.fact !== 'row' || fact.model !== 'GateVerdict' || fact.after?.['verdict'] !== 'advance') return;
    const { after, at } = fact;
    const [cycleId, ring] = [String(after['cycleId']), String(after['ring'])];
    const { soakMinutes } = board.policyOf(cycleId).gate;
    const { verified, regressed } = countRing(board, cycleId, ring);
    const lastAt = Math.max(...verified.map((row) => Number(row['endedAt'])));
    const until = lastAt + soakMinutes * 60 * second;
    must(
      11,
      at,
      at >= until - second,
      () => `ring ${ring} of ${cycleId} advances at ${iso(at)}, and soaks until ${iso(until)}`,
    );
    const looks = board.of('SoakCheck', cycleId).filter((row) => row['ring'] === ring);
    const unseen = verified.find(
      (row) => !looks.some((look) => look['endpointId'] === row['endpointId'] && Number(look['at']) >= until - second),
    );
    must(
      11,
      at,
      !unseen,
      () => `${String(unseen?.['endpointId'])} was not looked at when the soak of ring ${ring} of ${cycleId} ended`,
    );
    for (const name of regressed) {
      counts(11);
      must(
        11,
        at,
        board.policyOf(cycleId).gate.failuresAtMost > 0,
        () => `${name} failed in the soak of ring ${ring} of ${cycleId}, and it advances`,
      );
    }
  },
});

/** The cycle that the subject of an order begins with: of `…/2026-11-22` and `…/2026-11-22/2` the longer one. */
function cycleIn(board: Board, subject: string): string {
  const ids = board.scenario.cycles.map(({ input }) => input.cycleId).filter((id) => subject.startsWith(id));
  return ids.toSorted((a, b) => b.length - a.length)[0] ?? subject;
}

function nameOf(row: Row): string {
  return String(row['endpointId']);
}
