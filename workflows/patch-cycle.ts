/** A patch cycle: the ten steps, one after another, for one policy of one client. */
import { sandboxWorkflowId } from '../domain/ids.ts';
import { CancellationScope, executeChild, isCancellation } from '@temporalio/workflow';
import type { CycleInput, CycleState, CycleSummary, SiteReference, TestsVerdict } from '../domain/rollout/cycle.ts';
import { registerCycleHandlers, type CycleHandlers } from './cycle-handlers.ts';
import { failureInWords } from './failures.ts';
import { readAdvisories } from './read-advisories.ts';
import { rollOut } from './roll-out.ts';
import { sandboxTest } from './sandbox-test.ts';
import { controlBulk, control, networkScans } from './stubs.ts';
import { surveySites } from './survey-site.ts';
import type { Step } from '../domain/rollout/steps.ts';

/**
 * A test that fails without naming the patch at fault is not repeated; one that names it is, without it, this often.
 */
const testAttempts = 3;

export async function patchCycle(input: CycleInput): Promise<CycleSummary> {
  const handlers = registerCycleHandlers(input);
  let state: CycleState;
  try {
    state = await planAndRollOut(input, handlers);
  } catch (failure) {
    state = isCancellation(failure) ? 'cancelled' : 'failed';
    await CancellationScope.nonCancellable(() => endUnstarted(input, state, failure));
  }
  return CancellationScope.nonCancellable(() => reportAndClose(input, handlers, state));
}

/** Steps 1 to 7: what is there, what is due, whether it is safe, and the rollout. */
async function planAndRollOut(input: CycleInput, handlers: CycleHandlers): Promise<CycleState> {
  const { cycleId } = input;
  const { sites } = await control.openCycle(input);

  await handlers.walk('discovery', async () => {
    await Promise.all([surveySites(input, sites, 'inventory', 'discovery'), ...sites.map((site) => scan(input, site))]);
    return control.summariseDiscovery({ cycleId });
  });
  await handlers.walk('categorization', () => controlBulk.categorizeEndpoints({ cycleId }));
  const policy = await handlers.walk('policy', () => control.resolvePolicy({ cycleId }));
  const approved = await handlers.walk('monitoring', async () => {
    await surveySites(input, sites, 'updates', 'monitoring');
    await readAdvisories(input);
    return controlBulk.judgeUpdates({ cycleId });
  });

  if (policy.reportOnly) return withoutRollout(['testing', 'change record', 'rollout'], 'the policy only reports');
  if (approved.patches === 0)
    return withoutRollout(['testing', 'change record', 'rollout'], 'no patch is due and approved');

  const tested = await handlers.walk('testing', () => test(input, sites, handlers));
  if ('halted' in tested) return withoutRollout(['change record', 'rollout'], tested.halted, 'halted');
  if (tested.patches === 0) return withoutRollout(['change record', 'rollout'], 'no patch passed its test');

  const record = await handlers.walk('change record', () => controlBulk.writeChangeRecord({ cycleId }));
  if (record.approvalAsked && !(await handlers.approval(record)))
    return withoutRollout(['rollout'], 'the change record was not approved in time');
  const rollout = await handlers.walk('rollout', () => rollOut(input, sites, handlers, record));
  return rollout.state;

  async function withoutRollout(omitted: readonly Step[], because: string, state: CycleState = 'finished') {
    await controlBulk.endWithoutRollout({ cycleId, because });
    await handlers.omit(omitted, because);
    return state;
  }
}

/** Cancelled or failed: what has not started ends, that of rings and of catch-ups too where a person cancelled. */
async function endUnstarted({ cycleId }: CycleInput, state: CycleState, failure: unknown): Promise<void> {
  if (state === 'failed')
    return controlBulk.endWithoutRollout({ cycleId, because: `the cycle failed: ${failureInWords(failure)}` });
  const { because } = await control.cancellationOf({ cycleId });
  await controlBulk.abandonRings({ cycleId, because: [because] });
  await controlBulk.endWithoutRollout({ cycleId, because });
}

/** Steps 8 to 10, whatever became of the others: what is true now, what the client reads, what to do next time. */
export async function reportAndClose(
  input: CycleInput,
  handlers: CycleHandlers,
  state: CycleState,
): Promise<CycleSummary> {
  const { cycleId } = input;
  const { sites } = await control.openCycle(input);
  // What cannot be told is recorded as such; the cycle is closed all the same.
  await handlers.walk('audit', audit).catch(() => undefined);
  await handlers.walk('report', () => controlBulk.writeReports({ cycleId })).catch(() => undefined);
  await handlers.walk('review', () => controlBulk.reviewCycle({ cycleId })).catch(() => undefined);
  const summary = await controlBulk.closeCycle({ cycleId, state });
  // The last edition: with the review, and with how the cycle ended.
  await controlBulk.writeReports({ cycleId }).catch(() => undefined);
  await handlers.end(summary);
  return summary;

  async function audit() {
    await surveySites(input, sites, 'inventory', 'audit');
    return controlBulk.auditCycle({ cycleId });
  }
}

async function scan(input: CycleInput, site: SiteReference): Promise<void> {
  for (const network of site.networks) {
    const found = await networkScans(site.taskQueue)
      .scanNetwork.executeWithOptions({ summary: `scans ${network.cidr}` }, [network])
      .catch((failure) => ({ sightings: [], because: failureInWords(failure) }));
    await control.recordSightings({ cycleId: input.cycleId, siteId: site.siteId, network, ...found });
  }
}

/** Plans each endpoint by a dry run, tries the plan on a clone for each segment, and takes out what fails. */
async function test(
  input: CycleInput,
  sites: readonly SiteReference[],
  handlers: CycleHandlers,
): Promise<TestsVerdict | { readonly halted: string; readonly because: readonly string[] }> {
  const { cycleId } = input;
  let cutShort = 0;
  for (let attempt = 1; ; attempt += 1) {
    await surveySites(input, sites, 'plan', 'testing');
    const tests = await controlBulk.testsToMake({ cycleId, attempt });
    const results = await Promise.all(
      tests.map((sandbox) =>
        executeChild(sandboxTest, {
          workflowId: sandboxWorkflowId(sandbox),
          args: [sandbox],
          staticSummary: `tests segment ${sandbox.segment} on a clone of ${sandbox.representative.endpointId}`,
        }),
      ),
    );
    // A test that a halt cut short says nothing of the patches: it is made again when a person has resumed the cycle.
    const stopped = await handlers.untilResumed();
    if (stopped) return { halted: stopped.join('; '), because: stopped };
    if (results.some((result) => result.halted)) {
      cutShort += 1;
      continue;
    }
    const verdict = await controlBulk.judgeTests({ cycleId, results, last: attempt - cutShort === testAttempts });
    if (!verdict.again) return verdict;
  }
}
