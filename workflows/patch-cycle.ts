/** A patch cycle: the ten steps, one after another, for one policy of one client. */
import { CancellationScope, executeChild, isCancellation } from '@temporalio/workflow';
import type {
  ChangeRecordSummary,
  CycleOrder,
  CycleState,
  CycleSummary,
  SiteReference,
  Step,
  SurveySubject,
  TestsVerdict,
} from '../domain/cycle.ts';
import { takeOrders, type Desk } from './desk.ts';
import { failureInWords } from './failures.ts';
import { readAdvisories } from './read-advisories.ts';
import { ringRollout } from './ring-rollout.ts';
import { sandboxTest } from './sandbox-test.ts';
import { surveyAttributes } from './search-attributes.ts';
import { bookkeeping, control, scans } from './stubs.ts';
import { surveySite } from './survey-site.ts';

/** A test that fails without naming the patch at fault is not repeated; one that names it is, without it, this often. */
const testAttempts = 3;

export async function patchCycle(order: CycleOrder): Promise<CycleSummary> {
  const desk = takeOrders(order);
  let state: CycleState;
  try {
    state = await changeFleet(order, desk);
  } catch (failure) {
    state = isCancellation(failure) ? 'cancelled' : 'failed';
    const because = state === 'failed' ? `the cycle failed: ${failureInWords(failure)}` : 'the cycle was cancelled';
    await CancellationScope.nonCancellable(() => bookkeeping.endWithoutRollout({ cycleId: order.cycleId, because }));
  }
  return CancellationScope.nonCancellable(() => giveAccount(order, desk, state));
}

/** Steps 1 to 7: what is there, what is due, whether it is safe, and the rollout. */
async function changeFleet(order: CycleOrder, desk: Desk): Promise<CycleState> {
  const { cycleId } = order;
  const { sites } = await control.openCycle(order);

  await desk.walk('discovery', async () => {
    await Promise.all([survey(order, sites, 'inventory', 'discovery'), ...sites.map((site) => scan(order, site))]);
    return control.summariseDiscovery({ cycleId });
  });
  await desk.walk('categorization', () => bookkeeping.categorizeEndpoints({ cycleId }));
  const policy = await desk.walk('policy', () => control.resolvePolicy({ cycleId }));
  const approved = await desk.walk('monitoring', async () => {
    await survey(order, sites, 'updates', 'monitoring');
    await readAdvisories(order);
    return bookkeeping.judgeUpdates({ cycleId });
  });

  if (policy.reportOnly) return withoutRollout(['testing', 'change record', 'rollout'], 'the policy only reports');
  if (approved.patches === 0)
    return withoutRollout(['testing', 'change record', 'rollout'], 'no patch is due and approved');

  const tested = await desk.walk('testing', () => test(order, sites, desk));
  const stopped = desk.halted()?.[0];
  if (stopped) return withoutRollout(['change record', 'rollout'], stopped);
  if (tested.patches === 0) return withoutRollout(['change record', 'rollout'], 'no patch passed its test');

  const record = await desk.walk('change record', () => bookkeeping.writeChangeRecord({ cycleId }));
  if (record.approvalAsked && !(await desk.approval(record)))
    return withoutRollout(['rollout'], desk.halted()?.[0] ?? 'nobody approved the change record in time');
  const rollout = await desk.walk('rollout', () => rollOut(order, desk, record));
  return rollout.state;

  async function withoutRollout(left: readonly Step[], because: string): Promise<CycleState> {
    await bookkeeping.endWithoutRollout({ cycleId, because });
    return desk.leaveOut(left, because);
  }
}

/** Steps 8 to 10, whatever became of the others: what is true now, what the client reads, what to do next time. */
async function giveAccount(order: CycleOrder, desk: Desk, state: CycleState): Promise<CycleSummary> {
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
    await survey(order, sites, 'inventory', 'audit');
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

async function survey(
  order: CycleOrder,
  sites: readonly SiteReference[],
  subject: SurveySubject,
  step: 'discovery' | 'monitoring' | 'testing' | 'audit',
): Promise<void> {
  const { cycleId, clientId } = order;
  await Promise.all(
    sites.map((site) =>
      executeChild(surveySite, {
        workflowId: `survey/${cycleId}/${site.siteId}/${step}/${subject}`,
        args: [{ cycleId, clientId, site, subject, step }],
        staticSummary: `${step}: ${subject} at ${site.siteId}`,
        typedSearchAttributes: surveyAttributes({ cycleId, clientId, site, subject, step }),
      }),
    ),
  );
}

/** Plans each endpoint by a dry run, tries the plan on a clone for each segment, and takes out what fails. */
async function test(order: CycleOrder, sites: readonly SiteReference[], desk: Desk): Promise<TestsVerdict> {
  const { cycleId } = order;
  for (let attempt = 1; ; attempt += 1) {
    await survey(order, sites, 'plan', 'testing');
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
    // A test that a halt cut short says nothing of the patches.
    if (desk.halted()) return { again: false, patches: 0, because: ['halted'] };
    const verdict = await bookkeeping.judgeTests({ cycleId, results, last: attempt === testAttempts });
    if (!verdict.again) return verdict;
  }
}

/** Ring after ring, each only when the one before it has proven the record. */
async function rollOut(
  order: CycleOrder,
  desk: Desk,
  record: ChangeRecordSummary,
): Promise<{ state: CycleState; because: readonly string[] }> {
  const { cycleId, clientId } = order;
  for (const [index, ring] of record.rings.entries()) {
    const result = await desk.ring(ring, (workflowId) =>
      executeChild(ringRollout, { workflowId, args: [{ cycleId, clientId, ring }], staticSummary: `ring ${ring}` }),
    );
    const halted = result.halted ?? desk.halted()?.[0];
    if (halted) return bookkeeping.leaveRings({ cycleId, because: [halted] });
    const isLast = index === record.rings.length - 1;
    if (result.verdict === 'advance' || (result.verdict === 'hold' && isLast)) continue;
    if (result.verdict === 'halt' || !(await desk.advanced(result, record)))
      return bookkeeping.leaveRings({ cycleId, because: desk.halted() ?? result.because });
  }
  return { state: 'finished', because: [`${record.rings.length} rings`] };
}
