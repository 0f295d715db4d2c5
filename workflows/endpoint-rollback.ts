/**
 * The procedure by which a person has one patched endpoint rolled back: find a way to roll back, take it, prove it.
 *
 * It runs under the id of the endpoint's own workflow, which is the lock. Refused, the endpoint is as patched as it
 * was; the parent withdraws the admission. What has begun is completed, even when it is cancelled.
 */
import { CancellationScope, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { EndpointInput, EndpointPlan, SignOff } from '../domain/rollout/cycle.ts';
import { nothingChanged } from '../domain/endpoints/outcome.ts';
import { type FoundSnapshot, rollbackMethodByOrder } from '../domain/endpoints/rollback-method.ts';
import { type Work, observe } from './endpoint-acts.ts';
import { type Saga, sagaFrom } from './endpoint-saga.ts';
import { failureInWords } from './failures.ts';
import { ended, rollBackBy } from './rollback.ts';
import { outcomeAttribute } from './search-attributes.ts';
import { control, machineActs } from './stubs.ts';
import type { EndpointEnd } from '../domain/endpoints/end.ts';

export async function endpointRollback(input: EndpointInput & { readonly signOff: SignOff }): Promise<EndpointEnd> {
  return CancellationScope.nonCancellable(async () => {
    const { signOff, ...endpoint } = input;
    const saga = sagaFrom('patched');
    const end = await rollBack(endpoint, signOff, saga);
    await control.closeEndpointRollback({ input: endpoint, signOff, end });
    upsertSearchAttributes(outcomeAttribute(end.outcome ?? 'waiting'));
    return end;
  });
}

async function rollBack(input: EndpointInput, { who, why }: SignOff, saga: Saga): Promise<EndpointEnd> {
  const orderedAt = new Date().toISOString();
  const record = await control.openEndpointRollback({ input });
  const refuse = (because: readonly string[]) => ended('patched', ['it was not rolled back', ...because]);
  if ('refused' in record) return refuse(record.refused);

  saga('rolling back');
  setCurrentDetails(`- looks at the endpoint, and at what it can be rolled back by, by order of ${who}: ${why}`);
  const { plan, before, patched } = record;
  const { clientId, cycleId } = input;
  const work: Work = { clientId, cycleId, endpoint: input, plan };
  const seen = await observe(work, null).catch(() => null);
  const snapshot = await lookAtSnapshot(input, plan, record.snapshotId);
  const method = rollbackMethodByOrder({ rollback: plan.rollback, snapshot, answers: seen !== null });
  if (method.by === 'none') return giveUp(method.because);

  setCurrentDetails(`- rolls the endpoint back by its ${method.by}, by order of ${who}: ${why}`);
  const purpose = `roll back packages, ordered at ${orderedAt}`;
  const tried = await rollBackBy(work, method, {
    before,
    failedState: seen ?? patched,
    packagesAtFault: [],
    purpose,
  });
  const { after, evidenceOfFailedState, operations } = tried;
  // A machine whose restore failed is of another generation than its record: a person has to look, whatever is seen.
  const untouched = method.by === 'packages' && seen && after && nothingChanged({ before: seen, after });
  if (!tried.rolledBack && untouched) return giveUp(tried.because);

  const outcome = tried.rolledBack ? 'rolled_back' : 'quarantined';
  saga(outcome);
  const because = [`rolled back by order of ${who}: ${why}`, ...tried.because];
  return ended(outcome, because, { before, after, snapshotId: record.snapshotId, evidenceOfFailedState, operations });

  function giveUp(because: readonly string[]): EndpointEnd {
    saga('patched');
    return refuse(because);
  }
}

/** Looks at the snapshot itself: one that nobody can look at is no way to roll back. */
async function lookAtSnapshot(
  input: EndpointInput,
  { rollback }: EndpointPlan,
  snapshotId: string | null,
): Promise<FoundSnapshot | null> {
  if (snapshotId === null || rollback === 'packages') return null;
  const verdict = await machineActs(input.taskQueue)
    .verifySnapshot({ endpoint: input, snapshotId })
    .catch((failure) => ({ usable: false, because: failureInWords(failure) }));
  return { snapshotId, ...verdict };
}
