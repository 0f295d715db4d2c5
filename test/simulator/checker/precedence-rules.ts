/** Who goes first at a site: an emergency before what waits, never before what has started. */
import type { Row } from '../world/record.ts';
import type { Board } from './board.ts';
import { groupOf } from './ring-rules.ts';
import type { Rules } from './rule.ts';
import { covers, siteLoad } from './stop-rules.ts';
import { windowsOf } from './window-rules.ts';
import { minutesLeft } from './windows.ts';

/** Minutes between what this side and the product call too late. */
const doubtMinutes = 1;

type Member = { readonly cycleId: string; readonly endpointId: string; readonly siteId: string };

export const emergenciesGoFirst: Rules = ({ must }) => ({
  sees(fact, board) {
    if (fact.fact !== 'row' || fact.model !== 'CycleEndpoint' || fact.after?.['state'] !== 'admitted') return;
    if (fact.before?.['state'] === 'admitted') return;
    const { at } = fact;
    const { cycleId, endpointId, siteId } = fact.after as Member;
    const waiting = board
      .rows('CycleEndpoint')
      .filter((row) => row['siteId'] === siteId && row['state'] === 'waiting' && row['waitingFor'] === 'budget')
      .filter((row) => board.isEmergency(String(row['cycleId'])) !== board.isEmergency(cycleId));
    if (waiting.length === 0) return;
    if (board.isEmergency(cycleId)) {
      const { used, budget } = siteLoad(board, { cycleId, endpointId, siteId });
      const sentence = () => `${cycleId} starts ${endpointId} at ${siteId} over ${[...used].join(', ')}: ${budget} may`;
      must('emergency first', at, used.size <= budget, sentence);
      return;
    }
    const passedOver = waiting.find((row) => couldStart(board, row, at));
    const sentence = () =>
      `${cycleId} starts ${endpointId} at ${siteId}, and ${String(passedOver?.['endpointId'])} of ${String(passedOver?.['cycleId'])} waits for its budget`;
    must('emergency first', at, !passedOver, sentence);
  },
});

/** Whether nothing but the budget keeps it from starting. */
function couldStart(board: Board, row: Row, at: number): boolean {
  const { cycleId, endpointId, siteId } = row as Member;
  const expected = (row['expectation'] as { minutes?: number } | null)?.minutes;
  if (expected === undefined || row['escalatedAt'] !== null) return false;
  if (row['deadlineAt'] instanceof Date && row['deadlineAt'].getTime() <= at) return false;
  if (minutesLeft(windowsOf(board, cycleId, siteId), at) < expected + doubtMinutes) return false;
  return !isStopped(board, { cycleId, endpointId }) && !hasDisturbedPartner(board, endpointId);
}

/** By a person, or by a patch that stops for everyone: whether it is one of this endpoint's is not asked. */
function isStopped(board: Board, member: { cycleId: string; endpointId: string }): boolean {
  if (board.rows('PatchBreaker').some((row) => row['inForce'] === true)) return true;
  const halts = board.rows('Halt').filter((halt) => halt['releasedAt'] === null);
  return halts.some((halt) => halt['scope'] === 'patch' || covers(halt, board, member));
}

function hasDisturbedPartner(board: Board, endpointId: string): boolean {
  const group = groupOf(board, endpointId);
  if (group === null) return false;
  return board
    .rows('CycleEndpoint')
    .filter((row) => row['endpointId'] !== endpointId && groupOf(board, String(row['endpointId'])) === group)
    .some((row) => row['state'] !== 'planned' && row['state'] !== 'waiting' && row['outcome'] !== 'patched');
}
