/**
 * Brings an endpoint whose workflow is gone to an end: looks what its agent knows of the install, what is true now, and
 * records that, finishes it, or rolls the endpoint back. It runs under the id of the endpoint's own workflow, which is
 * the lock. It finishes what it began, even when it is cancelled.
 */
import { stateInWords } from '../domain/endpoints/saga.ts';
import { ringWorkflowId } from '../domain/ids.ts';
import {
  CancellationScope,
  getExternalWorkflowHandle,
  setCurrentDetails,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { EndpointInput } from '../domain/rollout/cycle.ts';
import type { Evidence } from '../domain/endpoints/evidence.ts';
import type { OperationBody, OperationReport } from '../domain/endpoints/operation.ts';
import {
  type OrphanedEndpoint,
  type OrphanedEndpointRecord,
  judgeOrphanedEndpoint,
} from '../domain/rollout/reconciliation.ts';
import { type Work, bringIntoEffect, observe } from './endpoint-acts.ts';
import { lookAgain } from './messages.ts';
import { ended, rollBackFailed } from './rollback.ts';
import { outcomeAttribute } from './search-attributes.ts';
import { controlBulk, control, operationStatus } from './stubs.ts';
import type { EndpointEnd } from '../domain/endpoints/end.ts';

/** What came of it in a sentence. */
export async function reconcileEndpoint(orphan: OrphanedEndpoint): Promise<string> {
  return CancellationScope.nonCancellable(async () => {
    await untilQuiet(orphan);
    const input = endpointInput(orphan);
    const record = await control.openOrphanedEndpoint({ input });
    if (!record) return `${input.endpointId} has come to an end by itself`;
    const { clientId, cycleId, endpointId, ring } = input;
    const lost = orphan.because;
    if (record.state === 'admitted' && !record.cycleEnded) {
      const because = `work on it had not begun: ${lost.join('; ')}`;
      await control.withdrawAdmission({ endpoint: input, because });
      return `${endpointId} waits again: ${because}`;
    }
    const end = await bringToEnd({ clientId, cycleId, endpoint: input, plan: record.plan }, record);
    if (!end) {
      const because = [...lost, 'its agent does not answer'].join('; ');
      await control.recordUnknown({ endpoint: input, because });
      return `${endpointId} stays unknown: ${because}`;
    }
    await control.closeEndpoint({ input, end: { ...end, because: [...end.because, ...lost] } });
    upsertSearchAttributes(outcomeAttribute(end.outcome ?? 'waiting'));
    // Its ring may wait for the budget it used.
    await getExternalWorkflowHandle(ringWorkflowId({ cycleId, ring }))
      .signal(lookAgain)
      .catch(() => undefined);
    if (record.cycleEnded) await controlBulk.writeReports({ cycleId }).catch(() => undefined);
    return `${endpointId} is ${end.outcome && stateInWords(end.outcome)}: ${end.because[0] ?? ''}`;
  });
}

function endpointInput({ endpointId, address, taskQueue, cycleId, clientId, ring }: OrphanedEndpoint): EndpointInput {
  return { endpointId, address, taskQueue, cycleId, clientId, ring };
}

/** What its ended workflow had sent arrives, or is given up, before the endpoint is observed. */
async function untilQuiet({ endpointId, quietFromAt }: OrphanedEndpoint): Promise<void> {
  const milliseconds = Date.parse(quietFromAt) - Date.now();
  if (milliseconds > 0)
    await sleep(milliseconds, { summary: `waits until nothing is on its way to ${endpointId} any more` });
}

/** Null while its agent does not answer: silence decides nothing. */
async function bringToEnd(work: Work, record: OrphanedEndpointRecord): Promise<EndpointEnd | null> {
  const { plan } = work;
  const { before, snapshotId } = record;
  const nothing = { after: null, packagesAtFault: [], operations: [] };
  if (record.state === 'admitted') return ended('skipped', ['nothing was installed: work on it had not begun']);
  if (plan.patches.length === 0) return ended('skipped', ['nothing was installed: no change record names it']);
  if (record.restoreOrdered)
    return rollBackOrphan(work, record, { ...nothing, because: ['its restore was under way'] });

  say('asks what became of the install');
  const operations = await followedOperations(work);
  if (!operations) return null;
  const install = operations.findLast(({ kind }) => kind === 'install' || kind === 'repair') ?? null;
  if (operations.some(({ kind }) => kind === 'roll back packages')) {
    const found = { after: null, because: ['its packages were being rolled back'], operations };
    // Whom the install blamed is known; what services and checks pointed to is lost with the workflow.
    const packagesAtFault = operations
      .filter(({ kind }) => kind !== 'roll back packages')
      .flatMap((report) => report.packagesAtFault);
    // Another purpose: the agent knows the first with what was to be held then. This one does what that left to do.
    return rollBackOrphan(work, record, { ...found, packagesAtFault }, 'roll back packages, completed');
  }

  say('looks at what is true now');
  const seen = await observed(work, before, install);
  const verdict = judgeOrphanedEndpoint({ ...seen, patches: plan.patches, reboot: plan.reboot, before, install });
  if (verdict.end === 'look again') return null;
  const because = [...verdict.because, ...seen.because];
  const { packagesAtFault } = verdict;
  const found = { after: seen.after, packagesAtFault, operations: [...operations, ...seen.operations] };
  if (verdict.end === 'roll back') return rollBackOrphan(work, record, { ...found, because });
  return ended(verdict.end, because, { before, snapshotId, ...found });
}

type Found = Pick<EndpointEnd, 'after' | 'because' | 'packagesAtFault' | 'operations'>;

async function rollBackOrphan(
  work: Work,
  { before, snapshotId }: OrphanedEndpointRecord,
  found: Found,
  purpose?: string,
): Promise<EndpointEnd> {
  say('rolls the endpoint back');
  if (before) return rollBackFailed(work, { before, snapshotId, ...found }, purpose);
  const because = 'what was true before was not recorded, so no rollback of it can be proven';
  const { after, packagesAtFault, operations } = found;
  return ended('quarantined', [...found.because, because], { snapshotId, after, packagesAtFault, operations });
}

/** How the install, its repair and its rollback ended, as far as its agent knows; null when it does not answer. */
async function followedOperations({ clientId, cycleId, endpoint, plan }: Work): Promise<OperationReport[] | null> {
  const { patches, allowRemove, planDigest, generation, installLimitMinutes: limitMinutes } = plan;
  // Their steps make their ids; nothing is submitted.
  const bodies: readonly OperationBody[] = [
    { kind: 'install', patches, allowRemove, limitMinutes },
    { kind: 'repair', patches, limitMinutes },
    { kind: 'roll back packages', patches, hold: [], limitMinutes },
  ];
  const reports: OperationReport[] = [];
  for (const body of bodies) {
    const operation = { clientId, cycleId, endpoint, step: body.kind, planDigest, generation, body };
    const followed = await operationStatus(endpoint.taskQueue, limitMinutes + 5)
      .followOperation.executeWithOptions({ summary: `${body.kind} on ${endpoint.endpointId}` }, [operation])
      .then(
        (report) => ({ report }),
        () => null,
      );
    if (!followed) return null;
    if (followed.report) reports.push(followed.report);
  }
  return reports;
}

/** What is true now; where an install was carried out, with everything it needs to be in effect. */
async function observed(work: Work, before: Evidence | null, install: OperationReport | null) {
  if (before && install?.state === 'succeeded') {
    const { operations, ...effective } = await bringIntoEffect(work, before);
    // A reboot that had happened before the endpoint was observed was due.
    const rebooted = effective.after !== null && effective.after.bootId !== before.bootId;
    return { ...effective, rebootWasDue: effective.rebootWasDue || rebooted, operations };
  }
  const first = await observe(work, null).catch(() => null);
  // What is half installed does not settle: nothing is waited for.
  const settles = first !== null && before !== null && first.audit === '';
  const after = settles ? await observe(work, before).catch(() => null) : first;
  return { after, rebootWasDue: false, bootIdBeforeReboot: null, because: [], operations: [] };
}

function say(doing: string): void {
  setCurrentDetails(`- ${doing}`);
}
