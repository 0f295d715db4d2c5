/**
 * The procedure by which a person has one patched endpoint put back: find the way back, go it, prove it.
 *
 * It runs under the id of the endpoint's own workflow, which is the lock. Refused, the endpoint is as patched as it was;
 * whoever admitted it takes the admission back. What has begun comes to its end, whoever cancels it.
 */
import { CancellationScope, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { EndpointEnd, EndpointOrder, EndpointPlan, PersonsWord } from '../domain/cycle.ts';
import { nothingChanged } from '../domain/endpoint-outcome.ts';
import { type FoundSnapshot, wayBackByOrder } from '../domain/way-back.ts';
import { type Work, observe } from './endpoint-acts.ts';
import { type Saga, sagaFrom } from './endpoint-saga.ts';
import { failureInWords } from './failures.ts';
import { ended, goBack } from './put-back.ts';
import { outcomeAttribute } from './search-attributes.ts';
import { control, machines } from './stubs.ts';

export async function endpointRollback(order: EndpointOrder & { readonly word: PersonsWord }): Promise<EndpointEnd> {
  return CancellationScope.nonCancellable(async () => {
    const { word, ...endpoint } = order;
    const saga = sagaFrom('patched');
    const end = await rollBack(endpoint, word, saga);
    await control.closeEndpointRollBack({ order: endpoint, word, end });
    upsertSearchAttributes(outcomeAttribute(end.outcome ?? 'waiting'));
    return end;
  });
}

async function rollBack(order: EndpointOrder, { who, why }: PersonsWord, saga: Saga): Promise<EndpointEnd> {
  const orderedAt = new Date().toISOString();
  const record = await control.openEndpointRollBack({ order });
  const refuse = (because: readonly string[]) => ended('patched', ['it was not rolled back', ...because]);
  if ('refused' in record) return refuse(record.refused);

  saga('rolling back');
  setCurrentDetails(`- looks at the endpoint, and at its way back, by order of ${who}: ${why}`);
  const { plan, before, patched } = record;
  const { clientId, cycleId } = order;
  const work: Work = { clientId, cycleId, endpoint: order, plan };
  const seen = await observe(work, null).catch(() => null);
  const snapshot = await lookAtSnapshot(order, plan, record.snapshotId);
  const way = wayBackByOrder({ rollback: plan.rollback, snapshot, answers: seen !== null });
  if (way.by === 'none') return giveUp(way.because);

  setCurrentDetails(`- puts the endpoint back by its ${way.by}, by order of ${who}: ${why}`);
  const purpose = `roll back packages, ordered at ${orderedAt}`;
  const tried = await goBack(work, way, {
    before,
    failedState: seen ?? patched,
    packagesAtFault: [],
    purpose,
  });
  const { after, evidenceOfFailedState, operations } = tried;
  // A machine whose restore failed is of another generation than its record: a person has to look, whatever is seen.
  const untouched = way.by === 'packages' && seen && after && nothingChanged({ before: seen, after });
  if (!tried.restored && untouched) return giveUp(tried.because);

  const outcome = tried.restored ? 'rolled_back' : 'quarantined';
  saga(outcome);
  const because = [`rolled back by order of ${who}: ${why}`, ...tried.because];
  return ended(outcome, because, { before, after, snapshotId: record.snapshotId, evidenceOfFailedState, operations });

  function giveUp(because: readonly string[]): EndpointEnd {
    saga('patched');
    return refuse(because);
  }
}

/** Looks at the snapshot itself: one that nobody can look at is no way back. */
async function lookAtSnapshot(
  order: EndpointOrder,
  { rollback }: EndpointPlan,
  snapshotId: string | null,
): Promise<FoundSnapshot | null> {
  if (snapshotId === null || rollback === 'packages') return null;
  const verdict = await machines(order.taskQueue)
    .verifySnapshot({ endpoint: order, snapshotId })
    .catch((failure) => ({ usable: false, because: failureInWords(failure) }));
  return { snapshotId, ...verdict };
}
