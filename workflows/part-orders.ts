/** Orders about a whole cycle or a part of it: halt, resume, skip, roll back. Each carries who gives it and why. */
import { ActivityFailure, ApplicationFailure, setHandler } from '@temporalio/workflow';
import type { SignOff } from '../domain/rollout/cycle.ts';
import { type NamedTarget, partNamed, partScopes } from '../domain/rollout/halt.ts';
import * as messages from './messages.ts';
import { startRollback } from './cycle-rollback.ts';
import { control } from './stubs.ts';

type PartOrderContext = {
  readonly cycleId: string;
  readonly hasEnded: () => boolean;
  /** Shows what was ordered, and wakes what may wait for it. */
  readonly after: (because: readonly string[]) => Promise<void>;
};

type OrderRequest = {
  readonly cycleId: string;
  readonly named: NamedTarget;
  readonly signOff: SignOff;
  readonly at: string;
};

/** Takes orders at a cycle's desk. What is recorded counts: an order that is on record already changes nothing. */
export function registerPartOrderHandlers({ cycleId, hasEnded, after }: PartOrderContext): void {
  const validator = (order: messages.PartOrder) => {
    requireSignOff(order, partScopes);
    const part = partNamed(order);
    if (part && 'refused' in part) refuse(part.refused);
    if (hasEnded()) refuse('the cycle has ended');
  };
  const toRequest = ({ who, why, ...named }: messages.PartOrder): OrderRequest => ({
    cycleId,
    named,
    signOff: { who, why },
    at: new Date().toISOString(),
  });
  const handler = (carryOut: (order: OrderRequest) => Promise<{ readonly because: string }>) => {
    return async (order: messages.PartOrder) => {
      const { because } = await carryOut(toRequest(order)).catch(rethrowRefusal);
      await after([because]);
    };
  };

  setHandler(
    messages.halt,
    handler((order) => control.orderHalt(order)),
    { description: describeOrder('Starts nothing more; what has started is brought to a known state.'), validator },
  );
  setHandler(
    messages.resume,
    handler((order) => control.orderResume(order)),
    { description: describeOrder('Releases the halt of exactly what is named.'), validator },
  );
  setHandler(
    messages.skip,
    handler((order) => control.skip(order)),
    {
      description: describeOrder('Takes a part out of this cycle: endpoints that have not started end as skipped.'),
      validator,
    },
  );
  setHandler(
    messages.rollBack,
    async (order) => {
      const rollBack = await control.orderRollback(toRequest(order)).catch(rethrowRefusal);
      await startRollback(rollBack);
      await after(rollBack.because);
      return rollBack.orderId;
    },
    { description: describeOrder('Rolls back what the cycle has patched.'), validator },
  );
}

/**
 * Refuses an order without a sign-off, and one that names what it does not know: a part that is misspelled would be
 * the whole cycle.
 * @param fields what may stand in it besides who and why
 */
export function requireSignOff(order: SignOff, fields: readonly string[] = []): void {
  if (!isGiven(order?.who)) refuse('say who gives the order: "who"');
  if (!isGiven(order.why)) refuse('say why: "why"');
  const known = ['who', 'why', ...fields];
  const unknown = Object.keys(order).find((field) => !known.includes(field));
  if (unknown !== undefined) refuse(`"${unknown}" is not known in this order, which takes: ${known.join(', ')}`);
}

/** Anything may have been typed into Temporal's UI. */
function isGiven(words: unknown): boolean {
  return typeof words === 'string' && words.trim() !== '';
}

/** What an activity has refused is answered as it said it, so that these are the first words a person reads. */
export function rethrowRefusal(failure: unknown): never {
  throw failure instanceof ActivityFailure && failure.cause instanceof ApplicationFailure ? failure.cause : failure;
}

export function refuse(why: string): never {
  throw ApplicationFailure.nonRetryable(why, 'OrderRefused');
}

function describeOrder(what: string): string {
  return `${what} {"who": "…", "why": "…"}; a part is named by "ring", "site", "endpoint" or "patch".`;
}
