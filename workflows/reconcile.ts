/**
 * Every few minutes: finds endpoints on which work was begun and that no workflow holds, and has each brought to an
 * end; then closes the cycles whose workflow is gone. A worker that is merely down leaves its workflows running, and so
 * gives nothing to do here.
 */
import { catchUpWorkflowId, closeWorkflowId, endpointWorkflowId } from '../domain/ids.ts';
import { ParentClosePolicy, executeChild, sleep, startChild } from '@temporalio/workflow';
import type { EndpointInput } from '../domain/rollout/cycle.ts';
import type { OrphanedEndpoint } from '../domain/rollout/reconciliation.ts';
import { catchUp } from './catch-up.ts';
import { closeOrphanedCycle } from './close-orphaned-cycle.ts';
import { failureInWords } from './failures.ts';
import { reconcileEndpoint } from './reconcile-endpoint.ts';
import { cycleRollback } from './cycle-rollback.ts';
import { endpointAttributes } from './search-attributes.ts';
import { controlBulk, control, presenceChecks } from './stubs.ts';

/** One that takes longer continues alone: the next round finds it held, and looks after the others. */
const roundMinutes = 2;

export async function reconcile(): Promise<readonly string[]> {
  const orphans = await controlBulk.findOrphanedEndpoints();
  const answers = await whichAnswer(orphans);
  const said: string[] = [];
  const cycleIds = [...new Set(orphans.map(({ cycleId }) => cycleId))];
  const rounds = cycleIds.map(async (cycleId) => {
    const ofCycle = orphans.filter((orphan) => orphan.cycleId === cycleId);
    said.push(
      ...(await Promise.all(
        ofCycle.map((orphan) => (answers(orphan) ? bringToEnd(orphan) : recordStillUnknown(orphan))),
      )),
    );
    said.push(...(await closeOrphanedCycles()));
  });
  rounds.push(restartCatchUps().then((begun) => void said.push(...begun)));
  rounds.push(finishOrphanedRollbacks().then((ended) => void said.push(...ended)));
  rounds.push(closeOrphanedCycles().then((closed) => void said.push(...closed)));
  await Promise.race([Promise.all(rounds), sleep(`${roundMinutes} minutes`)]);
  return said;
}

/**
 * Closes the cycles whose workflow is gone and whose endpoints have come to an end; one that is being closed goes on.
 */
async function closeOrphanedCycles(): Promise<readonly string[]> {
  const orphaned = await controlBulk.findOrphanedCycles();
  return Promise.all(
    orphaned.map((cycle) => {
      const { cycleId } = cycle.input;
      return resultInWords(cycleId, () =>
        executeChild(closeOrphanedCycle, { ...asChild(closeWorkflowId({ cycleId })), args: [cycle] }),
      );
    }),
  );
}

/** Gives each endpoint that has lost its catch-up another one, which outlives this round. */
async function restartCatchUps(): Promise<readonly string[]> {
  const orphaned = await controlBulk.findOrphanedStragglers();
  return Promise.all(
    orphaned.map((straggler) => {
      const { endpointId } = straggler;
      const child = {
        ...asChild(catchUpWorkflowId(straggler)),
        args: [straggler] as [EndpointInput],
        staticSummary: `${endpointId} is caught up when it can be`,
        typedSearchAttributes: endpointAttributes(straggler),
      };
      return resultInWords(endpointId, async () => {
        await startChild(catchUp, child);
        return `${endpointId} has a catch-up again`;
      });
    }),
  );
}

/** Finishes what orders to roll back had begun whose workflow is gone, under the id of that workflow. */
async function finishOrphanedRollbacks(): Promise<readonly string[]> {
  const orphaned = await controlBulk.findOrphanedRollbacks();
  return Promise.all(
    orphaned.map(({ order, untouched, because }) => {
      const soFar = { endpoints: {}, because: [...because], tried: [...untouched] };
      const child = { ...asChild(order.orderId), args: [order, soFar] as [typeof order, typeof soFar] };
      return resultInWords(order.orderId, async () => (await executeChild(cycleRollback, child)).because.join('; '));
    }),
  );
}

/** Brings an endpoint to an end under its lock; a workflow that took it meanwhile keeps it. */
function bringToEnd(orphan: OrphanedEndpoint): Promise<string> {
  const { endpointId } = orphan;
  return resultInWords(endpointId, () =>
    executeChild(reconcileEndpoint, {
      ...asChild(endpointWorkflowId(orphan)),
      args: [orphan],
      staticSummary: `${endpointId}: ${orphan.because.join('; ')}`,
      typedSearchAttributes: endpointAttributes(orphan),
    }),
  );
}

async function recordStillUnknown(orphan: OrphanedEndpoint): Promise<string> {
  const because = [...orphan.because, 'its agent does not answer'].join('; ');
  await control.recordUnknown({ endpoint: orphan, because });
  return `${orphan.endpointId} stays unknown: ${because}`;
}

/**
 * Whether an endpoint can be brought to an end now. One that never began, or is rolled back anyway, need not answer.
 */
async function whichAnswer(orphans: readonly OrphanedEndpoint[]): Promise<(orphan: OrphanedEndpoint) => boolean> {
  const asked = orphans.filter(({ state, restoreOrdered }) => state !== 'admitted' && !restoreOrdered);
  const sites = [...new Set(asked.map(({ taskQueue }) => taskQueue))];
  const answers = await Promise.all(
    sites.map((taskQueue) =>
      presenceChecks(taskQueue)
        .endpointsThatAnswer({
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
function resultInWords(what: string, act: () => Promise<string>): Promise<string> {
  return act().catch((failure) => `${what}: ${failureInWords(failure)}`);
}
