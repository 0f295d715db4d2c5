/** A patch cycle: the ten steps, one after another, for one policy of one client. */
import { CancellationScope, executeChild, isCancellation } from '@temporalio/workflow';
import type { CycleOrder, CycleState, CycleSummary, SiteReference, Step, TestsVerdict } from '../domain/cycle.ts';
import { takeOrders, type Desk } from './desk.ts';
import { failureInWords } from './failures.ts';
import { readAdvisories } from './read-advisories.ts';
import { rollOut } from './roll-out.ts';
import { sandboxTest } from './sandbox-test.ts';
import { bookkeeping, control, scans } from './stubs.ts';
import { surveySites } from './survey-site.ts';

/** A test that fails without naming the patch at fault is not repeated; one that names it is, without it, this often. */
const testAttempts = 3;

export async function patchCycle(order: CycleOrder): Promise<CycleSummary> {
  const desk = takeOrders(order);
  let state: CycleState;
  try {
    state = await changeFleet(order, desk);
  } catch (failure) {
    state = isCancellation(failure) ? 'cancelled' : 'failed';
    await CancellationScope.nonCancellable(() => leaveEverything(order, state, failure));
  }
  return CancellationScope.nonCancellable(() => giveAccount(order, desk, state));
}

/** Steps 1 to 7: what is there, what is due, whether it is safe, and the rollout. */
async function changeFleet(order: CycleOrder, desk: Desk): Promise<CycleState> {
  const { cycleId } = order;
  const { sites } = await control.openCycle(order);

  await desk.walk('discovery', async () => {
    await Promise.all([surveySites(order, sites, 'inventory', 'discovery'), ...sites.map((site) => scan(order, site))]);
    return control.summariseDiscovery({ cycleId });
  });
  await desk.walk('categorization', () => bookkeeping.categorizeEndpoints({ cycleId }));
  const policy = await desk.walk('policy', () => control.resolvePolicy({ cycleId }));
  const approved = await desk.walk('monitoring', async () => {
    await surveySites(order, sites, 'updates', 'monitoring');
    await readAdvisories(order);
    return bookkeeping.judgeUpdates({ cycleId });
  });

  if (policy.reportOnly) return withoutRollout(['testing', 'change record', 'rollout'], 'the policy only reports');
  if (approved.patches === 0)
    return withoutRollout(['testing', 'change record', 'rollout'], 'no patch is due and approved');

  const tested = await desk.walk('testing', () => test(order, sites, desk));
  if ('halted' in tested) return withoutRollout(['change record', 'rollout'], tested.halted, 'halted');
  if (tested.patches === 0) return withoutRollout(['change record', 'rollout'], 'no patch passed its test');

  const record = await desk.walk('change record', () => bookkeeping.writeChangeRecord({ cycleId }));
  if (record.approvalAsked && !(await desk.approval(record)))
    return withoutRollout(['rollout'], 'nobody approved the change record in time');
  const rollout = await desk.walk('rollout', () => rollOut(order, sites, desk, record));
  return rollout.state;

  async function withoutRollout(left: readonly Step[], because: string, state: CycleState = 'finished') {
    await bookkeeping.endWithoutRollout({ cycleId, because });
    await desk.leaveOut(left, because);
    return state;
  }
}

/** Cancelled or failed: what has not started ends, that of rings and of catch-ups too where a person cancelled. */
async function leaveEverything({ cycleId }: CycleOrder, state: CycleState, failure: unknown): Promise<void> {
  if (state === 'failed')
    return bookkeeping.endWithoutRollout({ cycleId, because: `the cycle failed: ${failureInWords(failure)}` });
  const { because } = await control.cancellationOf({ cycleId });
  await bookkeeping.leaveRings({ cycleId, because: [because] });
  await bookkeeping.endWithoutRollout({ cycleId, because });
}

/** Steps 8 to 10, whatever became of the others: what is true now, what the client reads, what to do next time. */
export async function giveAccount(order: CycleOrder, desk: Desk, state: CycleState): Promise<CycleSummary> {
  const { cycleId } = order;
  const { sites } = await control.openCycle(order);
  // What cannot be told is recorded as such; the cycle is closed all the same.
  await desk.walk('audit', audit).catch(() => undefined);
  await desk.walk('report', () => bookkeeping.writeReports({ cycleId })).catch(() => undefined);
  await desk.walk('review', () => bookkeeping.reviewCycle({ cycleId })).catch(() => undefined);
  const summary = await bookkeeping.closeCycle({ cycleId, state });
  // The last edition: with the review, and with how the cycle ended.
  await bookkeeping.writeReports({ cycleId }).catch(() => undefined);
  await desk.end(summary);
  return summary;

  async function audit() {
    await surveySites(order, sites, 'inventory', 'audit');
    return bookkeeping.auditCycle({ cycleId });
  }
}

async function scan(order: CycleOrder, site: SiteReference): Promise<void> {
  for (const network of site.networks) {
    const found = await scans(site.taskQueue)
      .scanNetwork.executeWithOptions({ summary: `scans ${network.cidr}` }, [network])
      .catch((failure) => ({ sightings: [], because: failureInWords(failure) }));
    await control.recordSightings({ cycleId: order.cycleId, siteId: site.siteId, network, ...found });
  }
}

/** Plans each endpoint by a dry run, tries the plan on a clone for each segment, and takes out what fails. */
async function test(
  order: CycleOrder,
  sites: readonly SiteReference[],
  desk: Desk,
): Promise<TestsVerdict | { readonly halted: string; readonly because: readonly string[] }> {
  const { cycleId } = order;
  let cutShort = 0;
  for (let attempt = 1; ; attempt += 1) {
    await surveySites(order, sites, 'plan', 'testing');
    const tests = await bookkeeping.testsToMake({ cycleId, attempt });
    const results = await Promise.all(
      tests.map((sandbox) =>
        executeChild(sandboxTest, {
          workflowId: `sandbox/${sandbox.sandboxId}`,
          args: [sandbox],
          staticSummary: `tests segment ${sandbox.segment} on a clone of ${sandbox.representative.endpointId}`,
        }),
      ),
    );
    // A test that a halt cut short says nothing of the patches: it is made again when a person has resumed the cycle.
    const stopped = await desk.untilResumed();
    if (stopped) return { halted: stopped.join('; '), because: stopped };
    if (results.some((result) => result.halted)) {
      cutShort += 1;
      continue;
    }
    const verdict = await bookkeeping.judgeTests({ cycleId, results, last: attempt - cutShort === testAttempts });
    if (!verdict.again) return verdict;
  }
}
