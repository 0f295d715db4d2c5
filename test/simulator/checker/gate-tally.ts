/** How often gates were wrong, by what is true of the patches: that the product cannot know it is the point. */
import type { Recorded } from '../world/record.ts';
import type { Board } from './board.ts';
import { planOnRecord } from './ring-rules.ts';

export type GateTally = {
  /** Gates over patches that are good on every endpoint of the record, and how many of them halted. */
  readonly good: number;
  readonly falseHalts: number;
  /** Gates over a patch that is bad for an endpoint of the record, and how many of them let it go on. */
  readonly bad: number;
  readonly missedHalts: number;
};

export const noGates: GateTally = { good: 0, falseHalts: 0, bad: 0, missedHalts: 0 };

export function gateTally(so: GateTally, fact: Recorded, board: Board): GateTally {
  if (fact.fact !== 'row' || fact.model !== 'GateVerdict' || !fact.after) return so;
  const { cycleId, verdict } = fact.after as { cycleId: string; verdict: string };
  if (isBad(board, cycleId))
    return { ...so, bad: so.bad + 1, missedHalts: so.missedHalts + (verdict === 'advance' ? 1 : 0) };
  return { ...so, good: so.good + 1, falseHalts: so.falseHalts + (verdict === 'halt' ? 1 : 0) };
}

export function together(tallies: readonly GateTally[]): GateTally {
  return tallies.reduce(
    (sum, tally) => ({
      good: sum.good + tally.good,
      falseHalts: sum.falseHalts + tally.falseHalts,
      bad: sum.bad + tally.bad,
      missedHalts: sum.missedHalts + tally.missedHalts,
    }),
    noGates,
  );
}

/** Whether an endpoint of the record is to get a patch that is bad for it. */
function isBad(board: Board, cycleId: string): boolean {
  return board.of('CycleEndpoint', cycleId).some((member) => {
    const endpointId = String(member['endpointId']);
    const luck = board.endpoints.get(endpointId)?.luck ?? 1;
    return planOnRecord(board, cycleId, endpointId)?.some((patch) =>
      board.scenario.releases.some(
        ({ package: name, to, bad }) => name === patch.package && to === patch.to && bad !== null && luck < bad.share,
      ),
    );
  });
}
