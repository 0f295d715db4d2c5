/** Judges a record by the rules of the rollout. It knows the record and the scenario, and nothing of how the product decides. */
import type { Recorded } from '../world/record.ts';
import type { Scenario } from '../world/scenario.ts';
import { Board } from './board.ts';
import { canariesAreNew } from './canary-rules.ts';
import { nothingBeyondTheRecord, unknownIsCareful } from './care-rules.ts';
import { asItWas, atMostOnce, heldByOne, oneEnd, provenPatched, undoBeforeAct } from './endpoint-rules.ts';
import { gatesCount, soaksAreLong } from './gate-rules.ts';
import { type GateTally, gateTally, noGates } from './gate-tally.ts';
import { emergenciesGoFirst } from './precedence-rules.ts';
import { recordAndNothingElse, ringsAreDrawn } from './ring-rules.ts';
import type { Judgement, Rule, Rules, Violation, Watch } from './rule.ts';
import { lastWayBackStays } from './snapshot-rules.ts';
import { badPatchesStop, budgetsHold, haltsStop } from './stop-rules.ts';
import { lateOnesCatchUp, startsInsideWindows, windowsMeanWhatTheySay } from './window-rules.ts';

const numbered: readonly Rule[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20];
export const everyRule: readonly Rule[] = [...numbered, 'emergency first', 'last way back', 'new canaries'];

const rules: readonly Rules[] = [
  heldByOne,
  undoBeforeAct,
  atMostOnce,
  provenPatched,
  asItWas,
  oneEnd,
  lastWayBackStays,
  startsInsideWindows,
  windowsMeanWhatTheySay,
  lateOnesCatchUp,
  ringsAreDrawn,
  canariesAreNew,
  recordAndNothingElse,
  gatesCount,
  soaksAreLong,
  budgetsHold,
  emergenciesGoFirst,
  haltsStop,
  badPatchesStop,
  nothingBeyondTheRecord,
  unknownIsCareful,
];

export type Judged = {
  readonly violations: readonly Violation[];
  /** How often each rule applied to something. */
  readonly exercised: Readonly<Record<string, number>>;
  readonly gates: GateTally;
};

export type Judgeable = {
  readonly scenario: Scenario;
  readonly record: readonly Recorded[];
  readonly endedAt: number;
  /** Workflows that had not ended. */
  readonly running: readonly string[];
};

export function judgeRecord({ scenario, record, endedAt, running }: Judgeable): Judged {
  const violations: Violation[] = [];
  const exercised: Record<string, number> = {};
  const counts = (rule: Rule) => {
    exercised[rule] = (exercised[rule] ?? 0) + 1;
  };
  const judgement: Judgement = {
    counts,
    violated: (rule, at, sentence) => violations.push({ rule, at, sentence }),
    must: (rule, at, holds, sentence) => {
      counts(rule);
      if (!holds) violations.push({ rule, at, sentence: sentence() });
    },
  };
  const watches: readonly Watch[] = rules.map((rule) => rule(judgement));
  const board = new Board(scenario);
  let gates = noGates;
  for (const fact of record) {
    board.put(fact);
    for (const watch of watches) watch.sees(fact, board);
    gates = gateTally(gates, fact, board);
  }
  for (const watch of watches) watch.ends?.(board, endedAt, running);
  return { violations, exercised, gates };
}
