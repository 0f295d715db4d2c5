/** The jobs of an activation, as the runtime inside the context takes them. */
import type { coresdk } from '@temporalio/proto';

type Jobs = coresdk.workflow_activation.IWorkflowActivationJob;

export type JobOf<Variant extends keyof Jobs> = { readonly variant: Variant } & {
  readonly [Name in Variant]: NonNullable<Jobs[Name]>;
};

export type ActivationJob =
  | JobOf<'initializeWorkflow'>
  | JobOf<'fireTimer'>
  | JobOf<'queryWorkflow'>
  | JobOf<'cancelWorkflow'>
  | JobOf<'signalWorkflow'>
  | JobOf<'resolveActivity'>
  | JobOf<'notifyHasPatch'>
  | JobOf<'resolveChildWorkflowExecutionStart'>
  | JobOf<'resolveChildWorkflowExecution'>
  | JobOf<'resolveSignalExternalWorkflow'>
  | JobOf<'resolveRequestCancelExternalWorkflow'>
  | JobOf<'doUpdate'>;

/** Core's order: the start, patches, signals and updates, all others. Within each the order of their events. */
const rank: Partial<Record<ActivationJob['variant'], number>> = {
  initializeWorkflow: 0,
  notifyHasPatch: 1,
  signalWorkflow: 2,
  doUpdate: 2,
};

export function inCoresOrder(jobs: readonly ActivationJob[]): readonly ActivationJob[] {
  return jobs.toSorted((a, b) => (rank[a.variant] ?? 3) - (rank[b.variant] ?? 3));
}
