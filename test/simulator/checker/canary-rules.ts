/** The next cycle draws new canaries: of several cycles over the same endpoints each has an order of its own. */
import type { Criticality } from '../../../domain/policies/policy.ts';
import type { Recorded } from '../world/record.ts';
import type { Board } from './board.ts';
import type { RecordedRing } from './ring-rules.ts';
import type { Rules } from './rule.ts';

/** One order in so many comes about by chance: then it is no draw. */
const suspiciousFrom = 10_000;
const criticalities: readonly Criticality[] = ['low', 'medium', 'high'];

type Draw = { readonly cycleId: string; readonly order: readonly string[] };

export const canariesAreNew: Rules = ({ must }) => {
  const draws: Draw[] = [];
  return {
    sees(fact, board) {
      const draw = drawIn(fact);
      if (!draw) return;
      for (const earlier of draws) {
        const pairs = criticalities.map((criticality) => inCommon(board, earlier, draw, criticality));
        const orders = pairs.reduce((product, { before }) => product * factorial(before.length), 1);
        if (orders < suspiciousFrom) continue;
        const isSame = pairs.every(({ before, now }) => before.every((endpointId, place) => endpointId === now[place]));
        const sentence = () => `${draw.cycleId} has drawn the order of ${earlier.cycleId} again, canaries included`;
        must('new canaries', fact.at, !isSame, sentence);
      }
      draws.push(draw);
    },
  };
};

/** What a cycle's first record has drawn. */
function drawIn(fact: Recorded): Draw | null {
  if (fact.fact !== 'row' || fact.model !== 'ChangeRecord' || fact.before !== null) return null;
  if (fact.after?.['parentId'] !== null || String(fact.after['id']).includes('/record-late-')) return null;
  const { rings } = fact.after['content'] as { readonly rings: readonly RecordedRing[] };
  const order = rings.flatMap(({ endpoints }) => endpoints.map(({ endpointId }) => endpointId));
  return { cycleId: String(fact.after['cycleId']), order };
}

/** Endpoints of one criticality that both have drawn, in the order of each. */
function inCommon(board: Board, earlier: Draw, later: Draw, criticality: Criticality) {
  const isAlike = (endpointId: string) => board.endpoints.get(endpointId)?.stated.criticality === criticality;
  const before = earlier.order.filter((endpointId) => isAlike(endpointId) && later.order.includes(endpointId));
  const now = later.order.filter((endpointId) => isAlike(endpointId) && earlier.order.includes(endpointId));
  return { before, now };
}

function factorial(number: number): number {
  return number < 2 ? 1 : number * factorial(number - 1);
}
