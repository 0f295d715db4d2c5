/**
 * Every few minutes: finds endpoints that somebody began to work on and that nobody holds, and has each brought to an
 * end; then closes the cycles whose workflow is gone. A worker that is merely down leaves its workflows running, and so
 * gives nothing to do here.
 */
import { ParentClosePolicy, executeChild, sleep, startChild } from '@temporalio/workflow';
import type { EndpointOrder } from '../domain/cycle.ts';
import type { OrphanOrder } from '../domain/reconciliation.ts';
import { catchUp } from './catch-up.ts';
import { closeLeftCycle } from './close-left-cycle.ts';
import { failureInWords } from './failures.ts';
import { reconcileEndpoint } from './reconcile-endpoint.ts';
import { rollBackFleet } from './roll-back-fleet.ts';
import { endpointAttributes } from './search-attributes.ts';
import { bookkeeping, control, glances } from './stubs.ts';

/** Who takes longer goes on alone: the next round finds it held, and looks after the others. */
const patienceMinutes = 2;

export async function reconcile(): Promise<readonly string[]> {
  const orphans = await bookkeeping.findOrphans();
  const answers = await whoAnswers(orphans);
  const said: string[] = [];
  const cycleIds = [...new Set(orphans.map(({ cycleId }) => cycleId))];
  const rounds = cycleIds.map(async (cycleId) => {
    const ofCycle = orphans.filter((orphan) => orphan.cycleId === cycleId);
    said.push(
      ...(await Promise.all(ofCycle.map((orphan) => (answers(orphan) ? takeUp(orphan) : leaveUnknown(orphan))))),
    );
    said.push(...(await closeLeftCycles()));
  });
  rounds.push(catchUpAgain().then((begun) => void said.push(...begun)));
  rounds.push(finishLeftRollBacks().then((ended) => void said.push(...ended)));
  rounds.push(closeLeftCycles().then((closed) => void said.push(...closed)));
  await Promise.race([Promise.all(rounds), sleep(`${patienceMinutes} minutes`)]);
  return said;
}

/** Closes the cycles whose workflow is gone and whose endpoints have come to an end; one that is being closed goes on. */
async function closeLeftCycles(): Promise<readonly string[]> {
  const left = await bookkeeping.findLeftCycles();
  return Promise.all(
    left.map((cycle) => {
      const { cycleId } = cycle.order;
      return told(cycleId, () => executeChild(closeLeftCycle, { ...asChild(`close/${cycleId}`), args: [cycle] }));
    }),
  );
}

/** Gives each endpoint that has lost its catch-up another one, which outlives this round. */
async function catchUpAgain(): Promise<readonly string[]> {
  const left = await bookkeeping.findLeftStragglers();
  return Promise.all(
    left.map((straggler) => {
      const { cycleId, endpointId } = straggler;
      const child = {
        ...asChild(`catch-up/${cycleId}/${endpointId}`),
        args: [straggler] as [EndpointOrder],
        staticSummary: `${endpointId} is caught up when it can be`,
        typedSearchAttributes: endpointAttributes(straggler),
      };
      return told(endpointId, async () => {
        await startChild(catchUp, child);
        return `${endpointId} has a catch-up again`;
      });
    }),
  );
}

/** Finishes what orders to roll back had begun whose workflow is gone, under the id of that workflow. */
async function finishLeftRollBacks(): Promise<readonly string[]> {
  const left = await bookkeeping.findLeftRollBacks();
  return Promise.all(
    left.map(({ order, leave, because }) => {
      const soFar = { endpoints: {}, because: [...because], tried: [...leave] };
      const child = { ...asChild(order.orderId), args: [order, soFar] as [typeof order, typeof soFar] };
      return told(order.orderId, async () => (await executeChild(rollBackFleet, child)).because.join('; '));
    }),
  );
}

/** Brings an endpoint to an end under its lock; somebody who took it meanwhile keeps it. */
function takeUp(orphan: OrphanOrder): Promise<string> {
  const { clientId, endpointId } = orphan;
  return told(endpointId, () =>
    executeChild(reconcileEndpoint, {
      ...asChild(`endpoint/${clientId}/${endpointId}`),
      args: [orphan],
      staticSummary: `${endpointId}: ${orphan.because.join('; ')}`,
      typedSearchAttributes: endpointAttributes(orphan),
    }),
  );
}

async function leaveUnknown(orphan: OrphanOrder): Promise<string> {
  const because = [...orphan.because, 'its agent does not answer'].join('; ');
  await control.recordUnknown({ endpoint: orphan, because });
  return `${orphan.endpointId} stays unknown: ${because}`;
}

/** Whether an endpoint can be brought to an end now. What was never begun, or is to be put back anyway, need not answer. */
async function whoAnswers(orphans: readonly OrphanOrder[]): Promise<(orphan: OrphanOrder) => boolean> {
  const asked = orphans.filter(({ state, restoreOrdered }) => state !== 'admitted' && !restoreOrdered);
  const sites = [...new Set(asked.map(({ taskQueue }) => taskQueue))];
  const answers = await Promise.all(
    sites.map((taskQueue) =>
      glances(taskQueue)
        .whoAnswers({
          agents: asked
            .filter((orphan) => orphan.taskQueue === taskQueue)
            .map(({ endpointId, address }) => ({ endpointId, address })),
        })
        .catch(() => []),
    ),
  );
  const there = new Set(answers.flat());
  return (orphan) => !asked.includes(orphan) || there.has(orphan.endpointId);
}

/** What is begun here comes to its end whatever becomes of this round. */
function asChild(workflowId: string) {
  return { workflowId, parentClosePolicy: ParentClosePolicy.ABANDON };
}

/** What came of it; a failure is told like an end. */
function told(what: string, act: () => Promise<string>): Promise<string> {
  return act().catch((failure) => `${what}: ${failureInWords(failure)}`);
}
