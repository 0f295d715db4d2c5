/**
 * Which endpoints an order to roll back is about, and which of them go now: the newest ring first, so that what came
 * last is undone first. An endpoint that a later cycle has patched is left as it is: its snapshot is older than that.
 */
import { atWork } from './budget.ts';
import type { EndpointOutcome } from '../endpoints/saga.ts';

export type RollbackMember = {
  readonly endpointId: string;
  readonly ring: string | null;
  readonly state: string;
  readonly outcome: EndpointOutcome | null;
  /** A later cycle that has patched it, or works on it; null when none has. */
  readonly laterCycle: string | null;
  /** This order has tried already, and it was not rolled back. */
  readonly tried: boolean;
};

export type RollbackProgress = {
  /** Of the newest ring that has any left. */
  readonly next: readonly string[];
  /** Work on them has started: they are asked for again when it has ended. */
  readonly awaited: readonly string[];
  readonly excluded: readonly { readonly endpointId: string; readonly because: string }[];
};

/** @param rings in the order in which they opened */
export function rollbackProgress(members: readonly RollbackMember[], rings: readonly string[]): RollbackProgress {
  const patched = members.filter(({ state, outcome }) => state === 'ended' && outcome === 'patched');
  const due = patched.filter(({ laterCycle, tried }) => laterCycle === null && !tried);
  const working = members.filter(({ state }) => atWork.includes(state));
  const newest = Math.max(...[...due, ...working].map((member) => openedAs(member, rings)), -1);
  return {
    next: due.filter((member) => openedAs(member, rings) === newest).map(({ endpointId }) => endpointId),
    awaited: working.map(({ endpointId }) => endpointId),
    excluded: patched.flatMap(({ endpointId, laterCycle }) =>
      laterCycle === null
        ? []
        : [{ endpointId, because: `${laterCycle} has worked on it since: roll that back first` }],
    ),
  };
}

function openedAs({ ring }: RollbackMember, rings: readonly string[]): number {
  return ring === null ? 0 : Math.max(0, rings.indexOf(ring));
}
