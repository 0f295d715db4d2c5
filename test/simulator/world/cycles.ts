/** Which cycles are started, and when. */
import { type CycleOrder, cycleIdOf, emergencyIdOf } from '../../../domain/cycle.ts';
import type { Chance } from './chance.ts';
import type { Release } from './releases.ts';
import type { ClientFacts } from './scenario.ts';

export type CycleStart = { readonly at: number; readonly order: CycleOrder };

/** A cycle of each policy; sometimes a further one beside it, sometimes an emergency. */
export function drawCycles(
  chance: Chance,
  facts: ClientFacts,
  releases: readonly Release[],
  startAt: number,
): CycleStart[] {
  const clientId = facts.client.id;
  const civilDate = new Date(startAt).toISOString().slice(0, 10);
  const soon = (minutes: number) => startAt + chance.between(1, minutes * 60) * 1000;
  const standard = facts.policies.flatMap((policy) => {
    const order = (number: number): CycleOrder => ({
      cycleId: cycleIdOf({ clientId, policyName: policy.name, civilDate, number }),
      clientId,
      policyName: policy.name,
      kind: 'standard',
      advisory: null,
      trigger: 'on demand',
      startedBy: 'dana',
      civilDate,
      number,
    });
    const first = { at: soon(5), order: order(1) };
    return chance.happens(0.12) ? [first, { at: soon(90), order: order(2) }] : [first];
  });
  const [advisory] = releases.flatMap(({ cves }) => cves);
  const [first] = standard;
  if (!advisory || !first || !chance.happens(0.2)) return standard;
  return [...standard, { at: soon(60), order: emergencyFor(first.order, advisory) }];
}

/** A first cycle and, a while after it, the second of its day; what was the second before is left out. */
export function again({ at, order }: CycleStart, laterMs: number): CycleStart[] {
  if (order.kind === 'emergency') return [{ at, order }];
  if (order.number > 1) return [];
  const { clientId, policyName, civilDate } = order;
  const second = { ...order, number: 2, cycleId: cycleIdOf({ clientId, policyName, civilDate, number: 2 }) };
  return [
    { at, order },
    { at: at + laterMs, order: second },
  ];
}

export function emergencyFor({ clientId, civilDate }: CycleOrder, advisory: string): CycleOrder {
  return {
    cycleId: emergencyIdOf({ clientId, advisory }),
    clientId,
    policyName: 'servers',
    kind: 'emergency',
    advisory,
    trigger: 'emergency',
    startedBy: 'dana',
    civilDate,
    number: 1,
  };
}
