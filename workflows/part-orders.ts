/** Orders about a whole cycle or a part of it: halt, resume, skip, roll back. Each carries who gives it and why. */
import { ActivityFailure, ApplicationFailure, setHandler } from '@temporalio/workflow';
import type { PersonsWord } from '../domain/cycle.ts';
import { type NamedTarget, partNamed, partScopes } from '../domain/halt.ts';
import * as messages from './messages.ts';
import { startRollBack } from './roll-back-fleet.ts';
import { control } from './stubs.ts';

type Desk = {
  readonly cycleId: string;
  readonly hasEnded: () => boolean;
  /** Shows what was ordered, and wakes whoever it may concern. */
  readonly after: (because: readonly string[]) => Promise<void>;
};

type Given = {
  readonly cycleId: string;
  readonly named: NamedTarget;
  readonly word: PersonsWord;
  readonly at: string;
};

/** Takes orders at a cycle's desk. What is recorded counts: an order that is on record already changes nothing. */
export function takePartOrders({ cycleId, hasEnded, after }: Desk): void {
  const validator = (order: messages.PartOrder) => {
    signed(order, partScopes);
    const part = partNamed(order);
    if (part && 'refused' in part) refuse(part.refused);
    if (hasEnded()) refuse('the cycle has ended');
  };
  const given = ({ who, why, ...named }: messages.PartOrder): Given => ({
    cycleId,
    named,
    word: { who, why },
    at: new Date().toISOString(),
  });
  const carriedOut = (carryOut: (order: Given) => Promise<{ readonly because: string }>) => {
    return async (order: messages.PartOrder) => {
      const { because } = await carryOut(given(order)).catch(inItsOwnWords);
      await after([because]);
    };
  };

  setHandler(
    messages.halt,
    carriedOut((order) => control.orderHalt(order)),
    { description: described('Starts nothing more; what has started is brought to a known state.'), validator },
  );
  setHandler(
    messages.resume,
    carriedOut((order) => control.releaseHalt(order)),
    { description: described('Releases the halt of exactly what is named.'), validator },
  );
  setHandler(
    messages.skip,
    carriedOut((order) => control.skip(order)),
    { description: described('Takes a part out of this cycle: who has not started ends as skipped.'), validator },
  );
  setHandler(
    messages.rollBack,
    async (order) => {
      const rollBack = await control.orderRollBack(given(order)).catch(inItsOwnWords);
      await startRollBack(rollBack);
      await after(rollBack.because);
      return rollBack.orderId;
    },
    { description: described('Puts back what the cycle has patched.'), validator },
  );
}

/**
 * Refuses an order that nobody has signed, and one that names what it does not know: a part that is misspelled would be
 * the whole cycle.
 * @param fields what may stand in it besides who and why
 */
export function signed(order: PersonsWord, fields: readonly string[] = []): void {
  if (!isSaid(order?.who)) refuse('say who gives the order: "who"');
  if (!isSaid(order.why)) refuse('say why: "why"');
  const known = ['who', 'why', ...fields];
  const unknown = Object.keys(order).find((field) => !known.includes(field));
  if (unknown !== undefined) refuse(`"${unknown}" is not known in this order, which takes: ${known.join(', ')}`);
}

/** Anything may have been typed into Temporal's UI. */
function isSaid(words: unknown): boolean {
  return typeof words === 'string' && words.trim() !== '';
}

/** What an activity has refused is answered as it said it, so that these are the first words a person reads. */
export function inItsOwnWords(failure: unknown): never {
  throw failure instanceof ActivityFailure && failure.cause instanceof ApplicationFailure ? failure.cause : failure;
}

export function refuse(why: string): never {
  throw ApplicationFailure.nonRetryable(why, 'OrderRefused');
}

function described(what: string): string {
  return `${what} {"who": "…", "why": "…"}; a part is named by "ring", "site", "endpoint" or "patch".`;
}
