/**
 * Every hour: deletes the snapshots that nothing needs any more, destroys the clones of tests that have ended, and
 * notes what exists without being on record, or is on record without being there. Site by site, as far as sites answer.
 */
import { cleanUpWorkflowId } from '../domain/ids.ts';
import { continueAsNew, executeChild, workflowInfo } from '@temporalio/workflow';
import { failureInWords } from './failures.ts';
import { controlBulk, control, machineActs, siteWorkerWait } from './stubs.ts';
import type { SiteToCleanUp } from '../domain/rollout/cycle.ts';

const sitesAtOnce = 5;
/** A driver deletes one after another, and has two minutes. */
const deletionsAtOnce = 10;
/** A site whose worker is away is cleaned up another time. */
const siteAnswersWithinMinutes = 1;

export async function cleanUpSnapshots(): Promise<readonly string[]> {
  const rest = [...(await controlBulk.sitesToCleanUp())];
  const said: string[] = [];
  const runner = async () => {
    for (let site = rest.shift(); site; site = rest.shift()) said.push(await cleanedUp(site));
  };
  await Promise.all(Array.from({ length: sitesAtOnce }, runner));
  return said;
}

function cleanedUp(site: SiteToCleanUp): Promise<string> {
  const { siteId } = site;
  return executeChild(cleanUpSite, { workflowId: cleanUpWorkflowId(site), args: [site], staticSummary: siteId }).then(
    (count) => `${siteId}: ${count} snapshots and sandboxes are gone`,
    (failure) => `${siteId}: ${failureInWords(failure)}`,
  );
}

/** Cleans up one site; returns how many snapshots and sandboxes were removed. */
export async function cleanUpSite(site: SiteToCleanUp, after: string | null = null, count = 0): Promise<number> {
  await siteWorkerWait(site.taskQueue).pingWorker.executeWithOptions(
    { scheduleToCloseTimeout: `${siteAnswersWithinMinutes} minutes` },
    [],
  );
  if (after === null) count += await cleanUpSandboxes(site);
  for (;;) {
    const endpointIds = await control.endpointsToCleanUp({ site, after });
    if (endpointIds.length === 0) return count;
    count += await cleanUpEndpoints(site, endpointIds);
    after = endpointIds.at(-1) ?? after;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof cleanUpSite>(site, after, count);
  }
}

async function cleanUpEndpoints(site: SiteToCleanUp, endpointIds: readonly string[]): Promise<number> {
  const listedAt = new Date().toISOString();
  const host = machineActs(site.taskQueue);
  const listed = await host.listSnapshots({ endpointIds });
  const due = await controlBulk.reconcileSnapshots({ site, listed, listedAt });
  for (let from = 0; from < due.length; from += deletionsAtOnce) {
    const removals = await host.deleteSnapshots({ due: due.slice(from, from + deletionsAtOnce) });
    await control.recordSnapshotsDeleted({ site, removals });
  }
  return due.length;
}

async function cleanUpSandboxes(site: SiteToCleanUp): Promise<number> {
  const host = machineActs(site.taskQueue);
  const sandboxIds = await controlBulk.reconcileSandboxes({ site, found: await host.listSandboxes() });
  if (sandboxIds.length === 0) return 0;
  await control.recordSandboxesDestroyed({ site, removals: await host.destroySandboxes({ sandboxIds }) });
  return sandboxIds.length;
}
