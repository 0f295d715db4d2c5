import type { WorkflowStatus } from '../../domain/rollout/reconciliation.ts';

/** What Temporal knows of the workflows themselves, whether or not any worker runs. */
export interface WorkflowsPort {
  /** How the newest run under that id stands. Throws when Temporal cannot be asked: nothing is known then. */
  status(workflowId: string): Promise<WorkflowStatus>;
}
