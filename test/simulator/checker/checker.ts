/** Judges a record by the rules of the rollout. It knows the record and the scenario, and nothing of how the product decides. */
import type { Recorded } from '../world/record.ts';
import type { Scenario } from '../world/scenario.ts';
import { Board } from './board.ts';
import { nothingBeyondTheRecord, unknownIsCareful } from './care-rules.ts';
import { asItWas, atMostOnce, heldByOne, oneEnd, provenPatched, wayBack } from './endpoint-rules.ts';
import { gatesCount, soaksAreLong } from './gate-rules.ts';
import { type GateTally, gateTally, noGates } from './gate-tally.ts';
import { recordAndNothingElse, ringsAreDrawn } from './ring-rules.ts';
import type { Judgement, RuleNumber, Rules, Violation, Watch } from './rule.ts';
import { badPatchesStop, budgetsHold, haltsStop } from './stop-rules.ts';
import { lateOnesCatchUp, startsInsideWindows, windowsMeanWhatTheySay } from './window-rules.ts';

export const ruleNumbers: readonly RuleNumber[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20];

const rules: readonly Rules[] = [
  heldByOne,
  wayBack,
  atMostOnce,
  provenPatched,
  asItWas,
  oneEnd,
  startsInsideWindows,
  windowsMeanWhatTheySay,
  lateOnesCatchUp,
  ringsAreDrawn,
  recordAndNothingElse,
  gatesCount,
  soaksAreLong,
  budgetsHold,
  haltsStop,
  badPatchesStop,
  nothingBeyondTheRecord,
  unknownIsCareful,
];

export type Judged = {
  readonly violations: readonly Violation[];
  /** How often each rule applied to something. */
  readonly exercised: Readonly<Record<number, number>>;
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
  const exercised: Record<number, number> = {};
  const counts = (rule: RuleNumber) => {
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
