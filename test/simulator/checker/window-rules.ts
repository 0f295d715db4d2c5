/** Rules 6, 16 and 17: windows, and those that come late. */
import type { Board } from './board.ts';
import { type Rules, iso } from './rule.ts';
import { type Span, minutesLeft, windowsOpen } from './windows.ts';

/** Where nothing was learned: an install and a restore. Nothing that is learned may be less than the shortest work. */
const defaultMinutes = 8;
const leastMinutes = 1;
/** From being let go to its reaching the agent. */
const graceMinutes = 0.5;
const horizonDays = 35;
const day = 86_400_000;

/** The policy's windows of a cycle at a site, and those that people opened. */
export function windowsOf(board: Board, cycleId: string, siteId: string): Span[] {
  const cycle = board.row('Cycle', cycleId);
  if (!(cycle?.['startedAt'] instanceof Date)) return [];
  const fromAt = cycle['startedAt'].getTime();
  const own = plannedWindows(board, cycleId, siteId, fromAt);
  const opened = board
    .of('OpenedWindow', cycleId)
    .filter((row) => row['siteId'] === null || row['siteId'] === siteId)
    .map((row) => ({ fromAt: (row['opensAt'] as Date).getTime(), untilAt: (row['closesAt'] as Date).getTime() }));
  return [...own, ...opened];
}

const planned = new WeakMap<Board, Map<string, Span[]>>();

/** Worked out once: the words of a policy do not change. */
function plannedWindows(board: Board, cycleId: string, siteId: string, fromAt: number): Span[] {
  const known = planned.get(board) ?? new Map<string, Span[]>();
  planned.set(board, known);
  const key = `${cycleId} ${siteId}`;
  const site = board.sites.get(siteId);
  const spans =
    known.get(key) ??
    (site ? windowsOpen(board.policyOf(cycleId), site, { fromAt, untilAt: fromAt + horizonDays * day }) : []);
  known.set(key, spans);
  return spans;
}

/** 6: work starts where a window is open and what is left of it covers the work; what has started is let end. */
export const startsInsideWindows: Rules = ({ must, counts }) => ({
  sees(fact, board) {
    if (fact.fact === 'effect ended' && fact.kind === 'install' && board.isProduction(fact.endpointId)) {
      counts(6);
      return;
    }
    if (fact.fact !== 'effect begun' || fact.kind !== 'install') return;
    const hold = board.hold(fact.endpointId);
    const facts = board.endpoints.get(fact.endpointId);
    if (!hold || !facts || hold.isRollback) return;
    const left = minutesLeft(windowsOf(board, hold.cycleId, facts.siteId), fact.at);
    const needed = expectedMinutes(board, hold.cycleId, fact.endpointId);
    const sentence = () =>
      `${hold.cycleId} installs on ${fact.endpointId} at ${iso(fact.at)} with ${left.toFixed(1)} minutes of its window left, ${needed} needed`;
    must(6, fact.at, left >= needed - graceMinutes && left > 0, sentence);
  },
});

/** How long control said the work may take from the install on. */
function expectedMinutes(board: Board, cycleId: string, endpointId: string): number {
  const expectation = board.member(cycleId, endpointId)?.['expectation'] as
    | { minutesFromInstall?: number }
    | null
    | undefined;
  return Math.max(leastMinutes, expectation?.minutesFromInstall ?? defaultMinutes);
}

/** 16: the instants that a cycle goes by are what a person means by the policy's words, in the site's zone. */
export const windowsMeanWhatTheySay: Rules = ({ must }) => ({
  sees(fact, board) {
    if (fact.fact !== 'row' || fact.model !== 'Cycle' || !fact.after) return;
    const { after, before } = fact;
    const recorded = after['windows'] as Record<string, { opensAt: string; closesAt: string }[]>;
    if (JSON.stringify(before?.['windows']) === JSON.stringify(recorded)) return;
    const cycleId = String(after['id']);
    const fromAt = (after['startedAt'] as Date).getTime();
    for (const [siteId, windows] of Object.entries(recorded)) {
      const site = board.sites.get(siteId);
      if (!site) continue;
      const meant = windowsOpen(board.policyOf(cycleId), site, { fromAt, untilAt: fromAt + horizonDays * day });
      const say = (spans: readonly Span[]) => spans.map((span) => `${iso(span.fromAt)}/${iso(span.untilAt)}`).join(' ');
      const said = windows.map(({ opensAt, closesAt }) => ({
        fromAt: Date.parse(opensAt),
        untilAt: Date.parse(closesAt),
      }));
      must(
        16,
        fact.at,
        say(said) === say(meant),
        () => `${cycleId} has windows ${say(said)} at ${siteId} (${site.timeZone}), and ${say(meant)} is meant`,
      );
    }
  },
});

/** 17: who comes late starts only when approved, not superseded, before the deadline; else a person is told, and it stays open. */
export const lateOnesCatchUp: Rules = ({ must, counts }) => {
  const escalated = new Set<string>();
  return {
    sees(fact, board) {
      if (fact.fact !== 'row' || !fact.after) return;
      const { after, before, at } = fact;
      if (fact.model === 'AuditEvent' && after['action'] === 'escalate') escalated.add(String(after['subject']));
      if (fact.model !== 'CycleEndpoint' || after['state'] !== 'in flight' || before?.['state'] === 'in flight') return;
      const [cycleId, endpointId, ring] = [
        String(after['cycleId']),
        String(after['endpointId']),
        String(after['ring']),
      ];
      const judged = board.of('GateVerdict', cycleId).some((row) => row['ring'] === ring);
      if (!judged) return;
      const deadlineAt = after['deadlineAt'] instanceof Date ? after['deadlineAt'].getTime() : Infinity;
      must(
        17,
        at,
        at <= deadlineAt + 60_000,
        () => `${endpointId} is caught up by ${cycleId} after its deadline ${iso(deadlineAt)}`,
      );
      const newer = newerCycleOf(board, cycleId, endpointId);
      must(17, at, newer === null, () => `${endpointId} is caught up by ${cycleId}, which ${newer} has superseded`);
    },
    ends(board, endedAt, running) {
      const busy = new Set(running);
      for (const row of board.rows('CycleEndpoint')) {
        const [cycleId, endpointId] = [String(row['cycleId']), String(row['endpointId'])];
        if (!(row['deadlineAt'] instanceof Date) || row['state'] !== 'waiting') continue;
        if (busy.has(`catch-up/${cycleId}/${endpointId}`) || row['deadlineAt'].getTime() > endedAt) continue;
        const told = escalated.has(`${cycleId} ${endpointId}`);
        must(
          17,
          endedAt,
          told,
          () =>
            `${endpointId} of ${cycleId} waits for ${String(row['waitingFor'])} past its deadline, and nobody was told`,
        );
        counts(17);
      }
    },
  };
};

function newerCycleOf(board: Board, cycleId: string, endpointId: string): string | null {
  const own = board.row('Cycle', cycleId);
  const newer = board.statesOf(endpointId).find((row) => {
    if (row['cycleId'] === cycleId || row['ring'] === null) return false;
    if (row['outcome'] === 'skipped') return false;
    const cycle = board.row('Cycle', row['cycleId']);
    return cycle?.['kind'] === own?.['kind'] && Number(cycle?.['startedAt']) > Number(own?.['startedAt']);
  });
  return newer ? String(newer['cycleId']) : null;
}
