import type { coresdk } from '@temporalio/proto';
import type { Execution } from './execution.ts';
import { specOf } from './failures.ts';
import type { UpdateHandle, UpdateState } from './interface.ts';
import type { ActivationJob } from './jobs.ts';
import { decoded, encodedAll } from './payloads.ts';

/** An update from its being sent to its end. */
export class Update implements UpdateHandle {
  readonly updateId: string;
  private readonly name: string;
  private readonly args: readonly unknown[];
  private state: UpdateState = { state: 'sent' };

  constructor(updateId: string, name: string, args: readonly unknown[]) {
    this.updateId = updateId;
    this.name = name;
    this.args = args;
  }

  current(): UpdateState {
    return this.state;
  }

  get isOpen(): boolean {
    return this.state.state === 'sent' || this.state.state === 'accepted';
  }

  /** Gives it to a run of the workflow. */
  sendTo(execution: Execution): void {
    const { updateId, name } = this;
    const { engine, identity } = execution;
    const input = engine.recordPayloads ? { input: this.args } : {};
    engine.record({ kind: 'update sent', ...identity, updateId, update: name, ...input });
    execution.updates.set(updateId, this);
    execution.tell(this.job(), 0);
  }

  answered(execution: Execution, response: coresdk.workflow_commands.IUpdateResponse): void {
    const { updateId, name: update } = this;
    const { engine, identity } = execution;
    if (response.accepted) {
      this.state = { state: 'accepted' };
      engine.record({ kind: 'update accepted', ...identity, updateId, update });
      return;
    }
    if (response.rejected)
      this.end(execution, {
        state: this.state.state === 'accepted' ? 'failed' : 'rejected',
        failure: specOf(response.rejected),
      });
    else this.end(execution, { state: 'completed', result: decoded(response.completed) });
  }

  /** The workflow has ended. */
  lost(execution: Execution): void {
    this.end(execution, {
      state: 'lost',
      failure: { message: 'the workflow ended before the update did', type: 'WorkflowEnded' },
    });
  }

  private end(execution: Execution, outcome: UpdateState): void {
    const { updateId, name: update } = this;
    this.state = outcome;
    execution.engine.record({ kind: 'update ended', ...execution.identity, updateId, update, outcome });
  }

  private job(): ActivationJob {
    const { updateId, name } = this;
    return {
      variant: 'doUpdate',
      doUpdate: {
        id: updateId,
        protocolInstanceId: updateId,
        name,
        input: encodedAll(this.args),
        headers: {},
        meta: {},
        runValidator: true,
      },
    };
  }
}
