/**
 * Rolls an endpoint back to what it was, by the way its policy names, and proves that. Whatever a restore says of itself,
 * only what is observed afterwards decides; what cannot be rolled back, or proven, is quarantined for a person.
 */
import { judgePackagesRolledBack, judgeRestored } from '../domain/endpoints/outcome.ts';
import type { Evidence } from '../domain/endpoints/evidence.ts';
import type { OperationReport } from '../domain/endpoints/operation.ts';
import {
  type RollbackMethod,
  packagesToHold,
  rollbackMethodAfterFailure,
} from '../domain/endpoints/rollback-method.ts';
import { type Work, bringIntoEffect, heldPackages, observe, rollBackPackages } from './endpoint-acts.ts';
import { failureInWords } from './failures.ts';
import { control, machineActs } from './stubs.ts';
import { untilSiteAnswers } from './under-permit.ts';
import type { EndpointEnd } from '../domain/endpoints/end.ts';

/** What is known of an endpoint whose install failed. */
export type FailedInstall = Pick<EndpointEnd, 'after' | 'snapshotId' | 'because' | 'packagesAtFault' | 'operations'> & {
  readonly before: Evidence;
};

/**
 * Rolls a failed endpoint back: `rolled_back` when that is proven, else `quarantined`.
 * @param purpose what packages are rolled back for: see `GoingBack`
 */
export async function rollBackFailed(
  work: Work,
  failed: FailedInstall,
  purpose = 'roll back packages',
): Promise<EndpointEnd> {
  const { before, after, snapshotId, packagesAtFault } = failed;
  const method = rollbackMethodAfterFailure({ rollback: work.plan.rollback, snapshotId });
  const tried = await rollBackBy(work, method, { before, failedState: after, packagesAtFault, purpose });
  return ended(tried.rolledBack ? 'rolled_back' : 'quarantined', [...failed.because, ...tried.because], {
    ...failed,
    after: tried.after ?? after,
    evidenceOfFailedState: tried.evidenceOfFailedState,
    operations: [...failed.operations, ...tried.operations],
  });
}

export type RollbackResult = {
  readonly rolledBack: boolean;
  readonly because: readonly string[];
  /** What is true afterwards; null when the endpoint could not be observed. */
  readonly after: Evidence | null;
  readonly evidenceOfFailedState: string | null;
  readonly operations: readonly OperationReport[];
};

/** What is needed to judge whether an endpoint is as it was. */
export type RollbackContext = {
  readonly before: Evidence;
  /** Null when it was never seen. */
  readonly failedState: Evidence | null;
  readonly packagesAtFault: readonly string[];
  /** What packages are rolled back for: the same purpose is the same operation, which happens once. */
  readonly purpose: string;
};

const nothing = { rolledBack: false, after: null, evidenceOfFailedState: null, operations: [] } as const;

/** Goes one way of rolling back and proves it. Never throws. */
export async function rollBackBy(
  work: Work,
  method: RollbackMethod,
  context: RollbackContext,
): Promise<RollbackResult> {
  try {
    if (method.by === 'machine') return await restoreMachine(work, method.snapshotId, context);
    if (method.by === 'packages') return await rollBackByPackages(work, context);
    return { ...nothing, because: method.because };
  } catch (failure) {
    return { ...nothing, because: [`it could not be rolled back: ${failureInWords(failure)}`] };
  }
}

async function restoreMachine(
  work: Work,
  snapshotId: string,
  { before, failedState }: RollbackContext,
): Promise<RollbackResult> {
  const { clientId, cycleId, endpoint, plan } = work;
  const { endpointId, taskQueue } = endpoint;
  const generation = await control.raiseGeneration({ clientId, endpointId, plan });
  await untilSiteAnswers(taskQueue);
  const purpose = `${cycleId}/${endpointId}/generation-${generation}`;
  const restore = { endpoint, snapshotId, purpose, generation };
  const { evidenceOfFailedState } = await machineActs(taskQueue).restoreSnapshot(restore);
  const after = await observe({ ...work, plan: { ...plan, generation } }, before);
  const failedBootId = failedState?.bootId ?? null;
  const verdict = judgeRestored({ patches: plan.patches, before, after, failedBootId });
  return { ...nothing, ...verdict, after, evidenceOfFailedState };
}

async function rollBackByPackages(
  work: Work,
  { before, packagesAtFault, purpose }: RollbackContext,
): Promise<RollbackResult> {
  const { patches, reboot } = work.plan;
  const hold = packagesToHold(patches, packagesAtFault);
  const silent = 'its agent does not answer, so its packages cannot be rolled back';
  if (!(await observe(work, null).catch(() => null))) return { ...nothing, because: [silent] };
  const rolled = await rollBackPackages(work, purpose, hold);
  const { after, bootIdBeforeReboot, ...effective } = await bringIntoEffect(work, before, `after: ${purpose}`);
  const operations = [...rolled.operations, ...effective.operations];
  const said = [...rolled.because, ...effective.because];
  if (!after) return { ...nothing, operations, because: said };
  const held = await heldPackages(work);
  const verdict = judgePackagesRolledBack({ patches, before, after, hold, held, bootIdBeforeReboot, reboot });
  return { ...nothing, ...verdict, because: [...said, ...verdict.because], after, operations };
}

export function ended(
  outcome: EndpointEnd['outcome'],
  because: readonly string[],
  found: Partial<Omit<EndpointEnd, 'outcome' | 'because'>> = {},
): EndpointEnd {
  return {
    waitingFor: null,
    packagesAtFault: [],
    operations: [],
    before: null,
    after: null,
    snapshotId: null,
    evidenceOfFailedState: null,
    ...found,
    outcome,
    because,
  };
}
