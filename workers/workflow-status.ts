import { type Client, type WorkflowExecutionStatusName, WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowsPort } from '../activities/ports/workflows.ts';
import type { WorkflowEnd } from '../domain/rollout/reconciliation.ts';

/** A status that is not named here counts as running: then its work is not taken over. */
const ends: Readonly<Partial<Record<WorkflowExecutionStatusName, WorkflowEnd>>> = {
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed out',
};

export function workflowStatuses(temporal: Client): WorkflowsPort {
  return {
    async status(workflowId) {
      try {
        const { status, closeTime } = await temporal.workflow.getHandle(workflowId).describe();
        const how = ends[status.name];
        if (!how || !closeTime) return { state: 'running' };
        return { state: 'closed', how, closedAt: closeTime.toISOString() };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { state: 'unheard of' };
        throw error;
      }
    },
  };
}
