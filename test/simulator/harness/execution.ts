/** One run of a workflow: what the server keeps of it. */
import type { Activity } from './activity.ts';
import type { Child } from './child.ts';
import type { Appointment } from './clock.ts';
import type { Engine, Fields, Payload, StartRequest } from './engine.ts';
import { type ProtoFailure, specOf } from './failures.ts';
import type { FailureSpec, Instant, WorkflowState } from './interface.ts';
import type { ActivationJob } from './jobs.ts';
import type { LocalActivity } from './local-activity.ts';
import { decoded, decodedAll, decodedFields } from './payloads.ts';
import type { TaskQueue } from './task-queue.ts';
import type { Update } from './update.ts';
import { WorkflowTasks } from './workflow-tasks.ts';

export class Execution {
  readonly engine: Engine;
  readonly identity: { readonly workflowId: string; readonly runId: string; readonly workflowType: string };
  readonly taskQueue: string;
  readonly queue: TaskQueue;
  readonly parent: Child | null;
  readonly firstRunId: string;
  readonly continuedFrom: string | null;
  readonly startedAt: Instant;
  readonly activities = new Map<number, Activity>();
  readonly locals = new Map<number, LocalActivity>();
  readonly timers = new Map<number, Appointment>();
  readonly children = new Map<number, Child>();
  readonly updates = new Map<string, Update>();
  readonly memo: Fields;
  state: WorkflowState = { state: 'running' };
  result: Payload | undefined;
  failure: ProtoFailure | undefined;
  details = '';
  searchAttributes: Fields;
  readonly tasks: WorkflowTasks;

  constructor(engine: Engine, order: StartRequest, runId: string) {
    const { workflowId, workflowType, continues } = order;
    this.engine = engine;
    this.identity = { workflowId, runId, workflowType };
    this.taskQueue = order.taskQueue;
    this.queue = engine.queue(order.taskQueue);
    this.parent = order.parent;
    this.continuedFrom = continues?.identity.runId ?? null;
    this.firstRunId = continues?.firstRunId ?? runId;
    this.startedAt = engine.clock.now;
    this.searchAttributes = order.searchAttributes;
    this.memo = order.memo;
    this.tasks = new WorkflowTasks(this);
    this.queue.join(this.tasks);
    engine.record({
      kind: 'workflow started',
      ...this.identity,
      ...(engine.recordPayloads ? { input: decodedAll(order.args) } : {}),
      parentId: order.parent?.parent.identity.workflowId ?? null,
      continuedFrom: this.continuedFrom,
    });
    this.tell(initializeJob(this, order.args), 0);
  }

  /** Gives the workflow a job for its next task. `events` is what it adds to the history. */
  tell(job: ActivationJob, events: number): void {
    if (this.state.state === 'running') this.tasks.tell(job, events);
  }

  requestCancel(): void {
    if (this.state.state !== 'running') return;
    this.engine.record({ kind: 'workflow cancel requested', ...this.identity });
    this.tell({ variant: 'cancelWorkflow', cancelWorkflow: { reason: '' } }, 1);
  }

  signal(name: string, input: readonly Payload[]): void {
    const args = this.engine.recordPayloads ? { input: decodedAll(input) } : {};
    this.engine.record({ kind: 'workflow signalled', ...this.identity, signal: name, ...args });
    const signalWorkflow = { signalName: name, input: [...input], headers: {} };
    this.tell({ variant: 'signalWorkflow', signalWorkflow }, 1);
  }

  /** Ends the run; everything that hangs on it is told. */
  end(state: WorkflowState, because?: string): void {
    this.close(state.state === 'running' ? 'completed' : state.state, because);
    this.state = state;
    this.letGo();
    for (const update of this.updates.values()) if (update.isOpen) update.lost(this);
    for (const child of this.children.values()) child.parentEnded();
    this.parent?.ended(this);
  }

  /** Ends the run and begins its continuation; updates that no run has accepted go on with it. */
  continueAs(order: StartRequest): void {
    this.close('continued as new');
    this.state = { state: 'completed', result: undefined };
    this.letGo();
    const next = this.engine.begin(order);
    this.parent?.continuedAs(next);
    for (const update of this.updates.values()) {
      if (update.current().state === 'sent') update.sendTo(next);
      else if (update.isOpen) update.lost(this);
    }
  }

  private close(
    ended: 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed out' | 'continued as new',
    because?: string,
  ): void {
    const { engine, failure, result } = this;
    const failed: FailureSpec | undefined = failure ? specOf(failure) : because ? { message: because } : undefined;
    engine.record({
      kind: 'workflow ended',
      ...this.identity,
      ended,
      ...(result && engine.recordPayloads ? { result: decoded(result) } : {}),
      ...(failed ? { failure: failed } : {}),
    });
  }

  private letGo(): void {
    this.queue.leave(this.tasks);
    this.tasks.end();
    for (const timer of this.timers.values()) timer.callOff();
    for (const activity of this.activities.values()) activity.abandon();
  }

  /** What the server shows of it to those who search. */
  get shownAttributes(): Readonly<Record<string, unknown>> {
    return decodedFields(this.searchAttributes);
  }
}

function initializeJob(execution: Execution, args: readonly Payload[]): ActivationJob {
  const { workflowId, workflowType } = execution.identity;
  return {
    variant: 'initializeWorkflow',
    initializeWorkflow: {
      workflowType,
      workflowId,
      arguments: [...args],
      headers: {},
      searchAttributes: { indexedFields: execution.searchAttributes },
      memo: { fields: execution.memo },
    },
  };
}
