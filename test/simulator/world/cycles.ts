/** Which cycles are started, and when. */
import type { CycleInput } from '../../../domain/rollout/cycle.ts';
import type { Chance } from './chance.ts';
import type { PublishedVersion } from './releases.ts';
import type { ClientFacts } from './scenario.ts';
import { cycleIdOf, emergencyIdOf } from '../../../domain/ids.ts';

export type CycleStart = { readonly at: number; readonly input: CycleInput };

/** A cycle of each policy; sometimes a further one beside it, sometimes an emergency. */
export function drawCycles(
  chance: Chance,
  facts: ClientFacts,
  releases: readonly PublishedVersion[],
  startAt: number,
): CycleStart[] {
  const clientId = facts.client.id;
  const civilDate = new Date(startAt).toISOString().slice(0, 10);
  const soon = (minutes: number) => startAt + chance.between(1, minutes * 60) * 1000;
  const standard = facts.policies.flatMap((policy) => {
    const input = (number: number): CycleInput => ({
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
    const first = { at: soon(5), input: input(1) };
    return chance.happens(0.12) ? [first, { at: soon(90), input: input(2) }] : [first];
  });
  const [advisory] = releases.flatMap(({ cves }) => cves);
  const [first] = standard;
  if (!advisory || !first || !chance.happens(0.2)) return standard;
  return [...standard, { at: soon(60), input: emergencyFor(first.input, advisory) }];
}

/** A first cycle and, a while after it, the second of its day; what was the second before is left out. */
export function again({ at, input }: CycleStart, laterMs: number): CycleStart[] {
  if (input.kind === 'emergency') return [{ at, input }];
  if (input.number > 1) return [];
  const { clientId, policyName, civilDate } = input;
  const second = { ...input, number: 2, cycleId: cycleIdOf({ clientId, policyName, civilDate, number: 2 }) };
  return [
    { at, input },
    { at: at + laterMs, input: second },
  ];
}

export function emergencyFor({ clientId, civilDate }: CycleInput, advisory: string): CycleInput {
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
