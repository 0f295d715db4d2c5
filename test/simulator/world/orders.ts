/** What operators will order, when, and of what: drawn so that much of it comes at a bad moment. */
import type { Chance } from './chance.ts';
import type { CycleStart } from './cycles.ts';
import type { ClientFacts } from './scenario.ts';

/** Which part of a cycle: drawn by a lot among those there are. */
export type Part = { readonly scope: 'cycle' | 'ring' | 'site' | 'endpoint' | 'patch'; readonly lot: number };

export type OrderFacts = {
  readonly at: number;
  readonly cycleId: string;
  readonly clientId: string;
  readonly who: string;
} & (
  | { readonly order: 'approve' | 'advance' | 'go on' | 'cancel' | 'release patch' }
  | { readonly order: 'release endpoint'; readonly lot: number }
  | { readonly order: 'halt' | 'resume' | 'skip' | 'roll back'; readonly part: Part }
  | { readonly order: 'open window'; readonly minutes: number; readonly site: string | null }
);

const minute = 60_000;

export function drawOrders(
  chance: Chance,
  cycles: readonly CycleStart[],
  clients: readonly ClientFacts[],
): OrderFacts[] {
  return cycles.flatMap((cycle) => [...drawSigned(chance, cycle, clients), ...drawParts(chance, cycle)]);
}

/** What lets a cycle go on, or ends it; and the word that a quarantined endpoint was repaired. */
function drawSigned(chance: Chance, { at, input }: CycleStart, clients: readonly ClientFacts[]): OrderFacts[] {
  const { cycleId, clientId } = input;
  const sites = clients.find(({ client }) => client.id === clientId)?.sites ?? [];
  const by = (who: string, minutes: number) => ({ at: at + Math.floor(minutes * minute), cycleId, clientId, who });
  const within = (minutes: number) => chance.next() * minutes;
  // Approvals come when nobody has asked yet, in time, and too late; the same person's twice.
  const approvals = chance.some([1, 2, 4, 12, 29, 40], 0.7).map((minutes, index): OrderFacts => ({
    ...by(index % 2 === 0 ? 'dana' : 'kim', minutes),
    order: 'approve',
  }));
  const gates = chance.some([10, 30, 60, 120], 0.35).map((minutes): OrderFacts => ({
    ...by('dana', minutes),
    order: chance.oneOf(['advance', 'advance', 'go on', 'release patch']),
  }));
  const cancels: OrderFacts[] = chance.happens(0.06)
    ? [{ ...by('kim', within(chance.oneOf([3, 20, 90]))), order: 'cancel' }]
    : [];
  const site = chance.happens(0.5) ? (chance.oneOf(sites)?.id ?? null) : null;
  const windows: OrderFacts[] = chance.happens(0.15)
    ? [{ ...by('dana', within(60)), order: 'open window', minutes: chance.oneOf([10, 30, 120]), site }]
    : [];
  const releases = chance
    .some([30, 90, 300], 0.2)
    .map((minutes): OrderFacts => ({ ...by('lee', minutes), order: 'release endpoint', lot: chance.next() }));
  return [...approvals, ...gates, ...cancels, ...windows, ...releases];
}

/** Halts of parts of a cycle, often resumed; parts that are skipped, or rolled back. */
function drawParts(chance: Chance, { at, input: { cycleId, clientId } }: CycleStart): OrderFacts[] {
  const orders: OrderFacts[] = [];
  const draw = (
    order: 'halt' | 'skip' | 'roll back',
    probability: number,
    scopes: readonly [Part['scope'], ...Part['scope'][]],
    withinMinutes: readonly [number, ...number[]] = [3, 20, 90],
  ) => {
    if (!chance.happens(probability)) return;
    const part = { scope: chance.oneOf(scopes), lot: chance.next() };
    const givenAt = at + Math.floor(chance.next() * chance.oneOf(withinMinutes) * minute);
    orders.push({ at: givenAt, cycleId, clientId, who: 'kim', order, part });
    if (order !== 'skip' && chance.happens(0.6))
      orders.push({
        at: givenAt + chance.between(1, 40) * minute,
        cycleId,
        clientId,
        who: 'dana',
        order: 'resume',
        part,
      });
  };
  draw('halt', 0.14, ['cycle', 'cycle', 'ring', 'site', 'endpoint']);
  draw('halt', 0.08, ['patch'], [40, 120, 300]);
  draw('skip', 0.06, ['ring', 'site', 'endpoint']);
  // Before the change record there is no patch to name.
  draw('skip', 0.15, ['patch'], [40, 120, 300]);
  draw('roll back', 0.08, ['cycle', 'ring', 'ring', 'site', 'endpoint']);
  return orders;
}
