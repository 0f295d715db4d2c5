/** The cycle of a workflow's tasks: taken up, decided, put on record; or lost, and done again from the history. */
import type { coresdk } from '@temporalio/proto';
import type { Appointment } from './clock.ts';
import { carryOut, isClosing, nameOf } from './commands.ts';
import { decideAtOnce } from './core-decisions.ts';
import type { Engine, Payload } from './engine.ts';
import type { Execution } from './execution.ts';
import { type Activation, History, Nondeterminism } from './history.ts';
import type { Instant } from './interface.ts';
import { type ActivationJob, inCoresOrder } from './jobs.ts';
import type { LocalActivity } from './local-activity.ts';
import { Memory } from './memory.ts';
import { type WorkflowCommand, wordsOf } from './sandbox.ts';
import { stickyMs } from './task-queue.ts';

/** A workflow task that was taken up and is not on record yet. */
export type OpenTask = {
  readonly stage: 'open';
  readonly startedAt: Instant;
  /** What it was given, should it have to be done again. */
  readonly jobs: readonly ActivationJob[];
  readonly activations: Activation[];
  /** Commands that the server has not seen. */
  commands: WorkflowCommand[];
  appointment: Appointment | null;
};

type ScheduledTask = { readonly stage: 'scheduled'; readonly scheduledAt: Instant; appointment: Appointment };

/** A workflow task ends after this, whatever became of its worker. Core reports on one that waits at four fifths. */
const taskTimeoutMs = 10_000;
const longestPauseMs = 600_000;

export class WorkflowTasks {
  private readonly execution: Execution;
  private readonly engine: Engine;
  private readonly history = new History();
  private readonly memory: Memory;
  private historyLength = 1;
  private pending: ActivationJob[] = [];
  private task: OpenTask | ScheduledTask | null = null;
  private failedTasks = 0;
  private wasInMemory = false;

  constructor(execution: Execution) {
    this.execution = execution;
    this.engine = execution.engine;
    this.memory = new Memory(execution);
  }

  /** Gives the workflow a job for its next task. `events` is what it adds to the history. */
  tell(job: ActivationJob, events: number): void {
    this.historyLength += events;
    this.pending.push(job);
    this.wake();
  }

  /** Takes back what the server has told and the workflow does not wait for any more. */
  unhear(matches: (job: ActivationJob) => boolean): void {
    this.pending = this.pending.filter((job) => !matches(job));
  }

  /** Answers a query from what is in memory, or from a replay. @throws Error when it cannot be asked */
  ask(queryType: string, args: readonly Payload[]): coresdk.workflow_commands.IQueryResult {
    if (!this.execution.queue.isUp) throw new Error(`The worker of ${this.execution.taskQueue} is down.`);
    const ended = this.execution.state.state !== 'running';
    if (this.history.length === 0 && this.memory.opened === null)
      throw new Error(`${this.execution.identity.workflowId} has not begun yet.`);
    // An open task knows more than the history.
    const isOpen = this.task?.stage === 'open';
    const instance = (isOpen ? this.memory.opened : null) ?? this.memory.open(this.history);
    const [command] = instance.ask({
      variant: 'queryWorkflow',
      queryWorkflow: { queryId: 'query', queryType, arguments: [...args], headers: {} },
    });
    if (ended) this.memory.drop();
    if (!command?.respondToQuery) throw new Error(`${this.execution.identity.workflowId} did not answer ${queryType}.`);
    return command.respondToQuery;
  }

  /** Forgets the workflow on the worker, as a full cache would. */
  evict(): void {
    if (this.task?.stage === 'open') this.lose('it was evicted', this.engine.clock.now);
    this.memory.drop();
  }

  workerDied(): void {
    const { clock } = this.engine;
    this.memory.drop();
    if (this.task?.stage === 'open') {
      this.lose('its worker died', this.task.startedAt + taskTimeoutMs);
    } else if (this.task && this.wasInMemory) {
      this.task.appointment.callOff();
      this.schedule(this.task.scheduledAt, Math.max(clock.now, this.task.scheduledAt + stickyMs));
    }
  }

  /** A local activity has come to its end, or is to be tried again after a timer. */
  localEnded(local: LocalActivity, result: coresdk.activity_result.IActivityResolution): void {
    this.execution.locals.delete(local.seq);
    if (this.task?.stage !== 'open')
      throw new Error(`${this.execution.identity.workflowId}: a local activity without its task.`);
    const resolveActivity = { seq: local.seq, result, isLocal: true };
    this.historyLength += 1;
    this.activate(this.task, [{ variant: 'resolveActivity', resolveActivity }]);
  }

  /** The run is over: nothing more is to be done. */
  end(): void {
    this.task?.appointment?.callOff();
    this.task = null;
    this.pending = [];
    this.dropLocals('its workflow has ended');
    this.memory.drop();
  }

  /** Frees what it holds in memory. */
  dispose(): void {
    this.memory.drop();
  }

  private dropLocals(because: string): void {
    for (const local of this.execution.locals.values()) local.drop(because);
    this.execution.locals.clear();
  }

  private wake(): void {
    if (this.task || this.pending.length === 0) return;
    const { clock, delays } = this.engine;
    const delay = delays.workflowTaskStart();
    const cold = this.wasInMemory && !this.memory.isWarm && clock.now < this.execution.queue.stickyUntil;
    this.schedule(clock.now, clock.now + (cold ? stickyMs : delay));
  }

  private schedule(scheduledAt: Instant, at: Instant): void {
    const appointment = this.engine.clock.at(at, () => this.takeUp(scheduledAt));
    this.task = { stage: 'scheduled', scheduledAt, appointment };
  }

  private takeUp(scheduledAt: Instant): void {
    const { delays } = this.engine;
    if (!this.execution.queue.isUp) {
      if (this.execution.queue.upAt < Infinity)
        this.schedule(scheduledAt, this.execution.queue.upAt + delays.workflowTaskStart());
      return;
    }
    const task = this.openTask();
    const bringBack = !this.memory.isWarm;
    try {
      this.memory.open(this.history);
    } catch (error) {
      if (!(error instanceof Nondeterminism)) throw error;
      this.engine.record({ kind: 'nondeterminism', ...this.execution.identity, because: error.message });
      this.fail(task, error);
      return;
    }
    if (bringBack) decideAtOnce(this.execution, task, this.history.unansweredLocals());
    this.activate(task, task.jobs);
  }

  private openTask(): OpenTask {
    const task: OpenTask = {
      stage: 'open',
      startedAt: this.engine.clock.now,
      jobs: this.pending,
      activations: [],
      commands: [],
      appointment: null,
    };
    this.pending = [];
    this.task = task;
    this.historyLength += 2;
    return task;
  }

  private activate(task: OpenTask, jobs: readonly ActivationJob[]): void {
    const frame = {
      at: this.engine.clock.now,
      historyLength: this.historyLength,
      continueAsNewSuggested: this.historyLength >= this.engine.continueAsNewAfterEvents,
    };
    let next: readonly ActivationJob[] = jobs;
    while (next.length > 0) {
      const ordered = inCoresOrder(next);
      let commands: readonly WorkflowCommand[];
      try {
        commands = (this.memory.opened ?? this.memory.open(this.history)).step([...ordered], frame, false);
      } catch (error) {
        this.fail(task, error);
        return;
      }
      task.activations.push({ jobs: ordered, frame, commands });
      task.commands.push(...commands);
      next = decideAtOnce(this.execution, task, commands);
    }
    this.waitOrFinish(task);
  }

  private waitOrFinish(task: OpenTask): void {
    const { clock, delays } = this.engine;
    const closes = task.commands.some((command) => isClosing(command));
    if (closes) this.dropLocals('its workflow has ended');
    if (this.execution.locals.size === 0) {
      task.appointment?.callOff();
      task.appointment = clock.after(delays.workflowTaskEnd(), () => this.commit(task));
      return;
    }
    // The server is told in time that the task goes on; what was decided so far is on record then.
    task.appointment ??= clock.at(task.startedAt + taskTimeoutMs * 0.8, () => this.commit(task));
  }

  private commit(task: OpenTask): void {
    const closing = task.commands.some((command) => isClosing(command));
    if (closing && this.pending.some((job) => job.variant !== 'doUpdate')) {
      this.lose('something happened that it did not know of', this.engine.clock.now);
      this.memory.drop();
      return;
    }
    this.task = null;
    this.failedTasks = 0;
    this.wasInMemory = true;
    this.history.add(task.activations);
    this.historyLength += 1 + task.commands.length;
    this.execution.details = this.memory.opened?.details ?? this.execution.details;
    this.engine.record({
      kind: 'workflow task completed',
      ...this.execution.identity,
      jobs: task.activations.flatMap(({ jobs }) => jobs.map((job) => job.variant)),
      commands: task.commands.map((command) => nameOf(command)),
    });
    for (const command of task.commands) carryOut(this.execution, command);
    if (this.execution.state.state !== 'running') return;
    if (this.execution.locals.size > 0) this.reopen();
    else this.wake();
  }

  /** Local activities go on in a new task, which the server gives out with the end of the one before. */
  private reopen(): void {
    const task = this.openTask();
    this.activate(task, task.jobs);
  }

  /** Nothing of the task is on record: it is done again from the history. */
  private lose(because: string, againAt: Instant): void {
    const { task, engine } = this;
    if (task?.stage !== 'open') return;
    engine.record({ kind: 'workflow task lost', ...this.execution.identity, because });
    task.appointment?.callOff();
    this.dropLocals(because);
    this.pending = [...task.jobs, ...this.pending];
    this.schedule(engine.clock.now, Math.max(againAt, engine.clock.now));
  }

  private fail(task: OpenTask, error: unknown): void {
    const { clock } = this.engine;
    this.engine.record({
      kind: 'workflow task failed',
      ...this.execution.identity,
      failure: { message: wordsOf(error) },
    });
    this.dropLocals('its workflow task failed');
    this.memory.drop();
    task.appointment?.callOff();
    this.pending = [...task.jobs, ...this.pending];
    this.failedTasks += 1;
    this.schedule(clock.now, clock.now + Math.min(1000 * 2 ** this.failedTasks, longestPauseMs));
  }
}
