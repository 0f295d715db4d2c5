/** What Temporal would know of workflows when it is asked from outside. */
import type { WorkflowsPort } from '../../../activities/ports/workflows.ts';
import type { WorkflowStatus } from '../../../domain/rollout/reconciliation.ts';
import type { RecordedEvent } from '../harness/interface.ts';

export class WorkflowRegister implements WorkflowsPort {
  readonly #statuses = new Map<string, WorkflowStatus>();

  hears(event: RecordedEvent): void {
    if (event.kind === 'workflow started') this.#statuses.set(event.workflowId, { state: 'running' });
    if (event.kind !== 'workflow ended' || event.ended === 'continued as new') return;
    const closedAt = new Date(event.at).toISOString();
    this.#statuses.set(event.workflowId, { state: 'closed', how: event.ended, closedAt });
  }

  async status(workflowId: string): Promise<WorkflowStatus> {
    return this.#statuses.get(workflowId) ?? { state: 'unheard of' };
  }
}
