/** What Temporal would know of workflows when it is asked from outside. */
import type { WorkflowsPort } from '../../../activities/ports/workflows.ts';
import type { WorkflowStanding } from '../../../domain/reconciliation.ts';
import type { RecordedEvent } from '../harness/interface.ts';

export class WorkflowRegister implements WorkflowsPort {
  readonly #standings = new Map<string, WorkflowStanding>();

  hears(event: RecordedEvent): void {
    if (event.kind === 'workflow started') this.#standings.set(event.workflowId, { state: 'running' });
    if (event.kind !== 'workflow ended' || event.ended === 'continued as new') return;
    const closedAt = new Date(event.at).toISOString();
    this.#standings.set(event.workflowId, { state: 'closed', how: event.ended, closedAt });
  }

  async standing(workflowId: string): Promise<WorkflowStanding> {
    return this.#standings.get(workflowId) ?? { state: 'unheard of' };
  }
}
