/** A child workflow as its parent and the server see it. */
import type { coresdk } from '@temporalio/proto';
import type { Execution } from './execution.ts';
import { type ProtoFailure, cancelledFailure, childFailure, terminatedFailure } from './failures.ts';
import { refusalOf } from './starts.ts';

type Start = coresdk.workflow_commands.IStartChildWorkflowExecution;

export const cancellationTypes = { abandon: 0, tryCancel: 1, waitCompleted: 2, waitRequested: 3 };
const closePolicies = { abandon: 2, requestCancel: 3 };
const alreadyExists = 1;

export class Child {
  readonly parent: Execution;
  private readonly command: Start;
  /** The parent has been told that it is cancelled or over: its end is not for it any more. */
  private muted = false;
  /** Its newest run: it may have continued as new. */
  private execution: Execution | null = null;
  private cancelWished = false;

  constructor(parent: Execution, command: Start) {
    const notEmulated = ['workflowExecutionTimeout', 'workflowRunTimeout', 'retryPolicy', 'cronSchedule'] as const;
    for (const name of notEmulated)
      if (command[name]) throw new Error(`The harness does not emulate ${name} of a child workflow.`);
    this.parent = parent;
    this.command = command;
    const { clock, delays } = parent.engine;
    clock.after(delays.transfer(), () => this.begin());
  }

  requestCancel(): void {
    this.cancelWished = true;
    const { clock, delays } = this.parent.engine;
    if (!this.execution) return;
    clock.after(delays.transfer(), () => {
      if (this.cancellationType === cancellationTypes.waitRequested && !this.muted) this.report(this.cancelled());
      this.execution?.requestCancel();
    });
  }

  parentEnded(): void {
    const { closePolicy } = this;
    if (closePolicy === closePolicies.abandon) return;
    const { clock, delays } = this.parent.engine;
    clock.after(delays.transfer(), () => {
      if (this.execution?.state.state !== 'running') return;
      if (closePolicy === closePolicies.requestCancel) this.execution.requestCancel();
      else this.execution.end({ state: 'terminated' }, 'its parent has ended');
    });
  }

  /** It goes on in another run. */
  continuedAs(execution: Execution): void {
    this.execution = execution;
  }

  /** Its last run has ended. */
  ended(execution: Execution): void {
    const { clock, delays } = this.parent.engine;
    clock.after(delays.transfer(), () => {
      if (!this.muted) this.report(this.resultOf(execution));
    });
  }

  /** The parent does not wait for its end any more. */
  mute(): void {
    this.muted = true;
    this.parent.tasks.unhear(
      (job) => job.variant === 'resolveChildWorkflowExecution' && job.resolveChildWorkflowExecution.seq === this.seq,
    );
  }

  get cancellationType(): number {
    return this.command.cancellationType ?? 0;
  }

  /** What core tells a parent that does not wait for the end of the child it has cancelled. */
  cancelled(): coresdk.child_workflow.IChildWorkflowResult {
    return { cancelled: { failure: this.failure('Child Workflow execution cancelled', cancelledFailure()) } };
  }

  get seq(): number {
    return this.command.seq ?? 0;
  }

  private get closePolicy(): number {
    return this.command.parentClosePolicy ?? 0;
  }

  private report(result: coresdk.child_workflow.IChildWorkflowResult): void {
    this.muted = true;
    const { seq } = this;
    this.parent.tell({ variant: 'resolveChildWorkflowExecution', resolveChildWorkflowExecution: { seq, result } }, 1);
  }

  private begin(): void {
    const { command, parent } = this;
    const { engine } = parent;
    const stillWanted = parent.state.state === 'running' || this.closePolicy === closePolicies.abandon;
    if (!stillWanted) return;
    const workflowId = command.workflowId ?? '';
    const workflowType = command.workflowType ?? '';
    const because = refusalOf(engine, workflowId, command.workflowIdReusePolicy ?? 0);
    if (because) {
      engine.record({ kind: 'child start refused', ...parent.identity, childId: workflowId, because });
      const failed = { workflowId, workflowType, cause: alreadyExists };
      this.started({ failed });
      return;
    }
    this.execution = engine.begin({
      workflowType,
      workflowId,
      taskQueue: command.taskQueue || parent.taskQueue,
      args: command.input ?? [],
      searchAttributes: command.searchAttributes?.indexedFields ?? {},
      memo: command.memo ?? {},
      parent: this,
      continues: null,
    });
    this.started({ succeeded: { runId: this.execution.identity.runId } });
    if (this.cancelWished) this.requestCancel();
  }

  private started(status: coresdk.workflow_activation.IResolveChildWorkflowExecutionStart): void {
    const { seq } = this;
    this.parent.tell(
      {
        variant: 'resolveChildWorkflowExecutionStart',
        resolveChildWorkflowExecutionStart: { seq, ...status },
      },
      1,
    );
  }

  private resultOf({ state, failure, result }: Execution): coresdk.child_workflow.IChildWorkflowResult {
    if (state.state === 'completed') return { completed: { result } };
    if (state.state === 'cancelled') return this.cancelled();
    if (state.state === 'terminated')
      return { failed: { failure: this.failure('Child Workflow execution terminated', terminatedFailure()) } };
    return { failed: { failure: this.failure('Child Workflow execution failed', failure ?? { message: '' }) } };
  }

  private failure(message: string, cause: ProtoFailure): ProtoFailure {
    const { workflowId, workflowType } = this.command;
    const runId = this.execution?.identity.runId ?? '';
    return childFailure(message, { workflowId: workflowId ?? '', workflowType: workflowType ?? '', runId }, cause);
  }
}
