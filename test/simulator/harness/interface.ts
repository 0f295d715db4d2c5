/**
 * What the harness and the world say to each other. The harness stands in for Temporal's server and for the workers'
 * core: it runs workflows as they are, on a virtual clock. The world is everything that activities touch.
 */

/** Milliseconds since the epoch, on the virtual clock. */
export type Instant = number;

/** How an attempt failed, as an activity would tell Temporal by an ApplicationFailure. */
export type FailureSpec = {
  readonly message: string;
  readonly type?: string;
  readonly nonRetryable?: boolean;
  readonly nextRetryDelayMs?: number;
  readonly benign?: boolean;
  readonly details?: readonly unknown[];
  readonly cause?: FailureSpec;
};

/** `cancelled`: the attempt has seen that its workflow asked to cancel it, and heeds that. */
export type Answer = { readonly result?: unknown } | { readonly failure: FailureSpec } | { readonly cancelled: true };

/** One attempt of an activity, as its function sees it. */
export type Attempt = {
  readonly now: Instant;
  readonly activityType: string;
  readonly activityId: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** Runs on the worker of the workflow, inside its workflow task; its answer is on record only when that task is. */
  readonly local: boolean;
  readonly taskQueue: string;
  readonly workflowType: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly scheduledAt: Instant;
  /** When this attempt was given to the task queue: after a pause, for a retry. */
  readonly attemptScheduledAt: Instant;
  readonly summary: string | null;
  readonly timeouts: Timeouts;
  /** Has something happen in the world at a later time, whatever becomes of the attempt and of its worker. */
  later(this: void, afterMs: number, happening: () => void | Promise<void>): void;
  /** Whether the workflow has asked to cancel it by now. */
  cancelRequested(this: void): boolean;
};

export type Timeouts = {
  readonly scheduleToCloseMs: number | null;
  readonly scheduleToStartMs: number | null;
  readonly startToCloseMs: number | null;
  readonly heartbeatMs: number | null;
};

/**
 * How long an attempt takes and how it ends. `result` and `failure` are known at the start. `end` is called when the
 * time has come, if the worker still lives: what a write does to the world belongs there. It is called also when Temporal
 * does not wait for it any more (it has timed out, or its workflow has ended); the record then says `lost`. With
 * `answerLost` the worker has done all of it, but Temporal never hears: the attempt ends by its time-outs.
 */
export type Outcome =
  | ({ readonly afterMs: number; readonly answerLost?: AnswerLost } & Answer)
  | {
      readonly afterMs: number;
      readonly answerLost?: AnswerLost;
      readonly end: (now: Instant) => Answer | Promise<Answer>;
    }
  | { readonly never: true; readonly beats?: boolean };

/** `silent`: no heartbeats either from then on. `beating`: only the answer is lost. */
export type AnswerLost = 'silent' | 'beating';

/**
 * Called at each attempt's start. What it promises, here, in `end` and in `later`, is awaited before the next event: it
 * takes no virtual time, and must not wait for a timer. An Error thrown here or in `end` is the world's own fault and ends the
 * simulation, except an ApplicationFailure of @temporalio/common, which is how the attempt failed, at once.
 */
export type ActivityFunction = (input: readonly unknown[], attempt: Attempt) => Outcome | Promise<Outcome>;
export type ActivityTable = Readonly<Record<string, ActivityFunction>>;

/** How long things between server and workers take, each drawn from a seeded source. Defaults in latencies.ts. */
export type Latencies = {
  /** From being scheduled to being taken up by a worker that is there. */
  readonly workflowTaskStart: (random: Random) => number;
  /** From the start of a workflow task to the server's having its commands. */
  readonly workflowTaskEnd: (random: Random) => number;
  readonly activityStart: (random: Random) => number;
  /** From one workflow to another: starting a child, its end, a signal, a wish to cancel. */
  readonly transfer: (random: Random) => number;
};

/** A number from 0 up to 1. */
export type Random = () => number;

export type SimulationOptions = {
  readonly bundle: WorkflowBundle;
  readonly seed: number | string;
  readonly activities: ActivityTable;
  readonly startAt: Instant;
  /** Where workflows run that do not say; also the queue of local activities. */
  readonly taskQueue: string;
  /** Told of every event after it was recorded. It may order anything of the simulation: it takes place before the next event. */
  readonly record?: (event: RecordedEvent) => void;
  readonly latencies?: Partial<Latencies>;
  /** From this many events of its history on, a workflow is told to continue as new. 4096 unless told, as the server. */
  readonly continueAsNewAfterEvents?: number;
  /** Keeps every event, with the inputs and results of activities; true unless told. Else each is told and forgotten. */
  readonly keepRecord?: boolean;
};

/** What was bundled, with its context to run in. Opaque: from bundleOf in bundle.ts. */
export type { WorkflowBundle } from './bundle.ts';
import type { WorkflowBundle } from './bundle.ts';

export type StartOptions = {
  readonly taskQueue?: string;
  /** What to do when a workflow of this id runs; 'fail' unless told. */
  readonly whenRunning?: 'fail' | 'use existing';
  /** What to do when one of this id has ended; 'allow' unless told. */
  readonly whenEnded?: 'allow' | 'allow if failed' | 'reject';
};

/** How an update came out so far. `lost`: the workflow ended before it could be told, or while it was handled. */
export type UpdateState =
  | { readonly state: 'sent' | 'accepted' }
  | { readonly state: 'completed'; readonly result: unknown }
  | { readonly state: 'rejected' | 'failed' | 'lost'; readonly failure: FailureSpec };

export type UpdateHandle = { readonly updateId: string; current(): UpdateState };

export type WorkflowState =
  | { readonly state: 'running' }
  | { readonly state: 'completed'; readonly result: unknown }
  | { readonly state: 'failed'; readonly failure: FailureSpec }
  | { readonly state: 'cancelled' | 'terminated' | 'timed out' };

/** Why a run stopped: nothing is pending any more, the condition was met, or the horizon is passed. */
export type RunEnd = 'idle' | 'until' | 'horizon';

export type Simulation = {
  now(): Instant;
  /** A seeded source of its own for a purpose: drawing from one changes no other. */
  randomFor(purpose: string): Random;
  /** Everything that happened, in order, where it is kept. */
  readonly events: readonly RecordedEvent[];
  /** Adds an event of the world's own to the record. */
  note(kind: `world: ${string}`, facts: Readonly<Record<string, unknown>>): void;

  /** Has something done at an instant (`at`) or after a while (`after`); what it promises is awaited before the next event. */
  at(instant: Instant, act: () => unknown): void;
  after(ms: number, act: () => unknown): void;

  /** Starts a workflow by name and returns its run id. @throws WorkflowRuns, when one of this id runs or may not be repeated */
  start(type: string, workflowId: string, args: readonly unknown[], options?: StartOptions): string;
  /** Sends an update. The same updateId again is the same update. @throws WorkflowNotFound when none of this id runs */
  update(workflowId: string, name: string, args: readonly unknown[], updateId?: string): UpdateHandle;
  /** @throws WorkflowNotFound when none of this id runs */
  signal(workflowId: string, name: string, args: readonly unknown[]): void;
  /** Asks a workflow at once, an ended one too. @throws WorkflowNotFound, or QueryFailed when it refuses or its worker is down */
  query(workflowId: string, name: string, args?: readonly unknown[]): unknown;
  /** Asks a workflow to cancel. @throws WorkflowNotFound when none of this id runs */
  cancel(workflowId: string): void;
  /** Ends a workflow without its knowing. @throws WorkflowNotFound when none of this id runs */
  terminate(workflowId: string, because?: string): void;

  /**
   * Kills the workers of a task queue; they are back after `forMs`. Workflows in memory are rebuilt by replay, activities
   * under way lose their answers. From within an event it takes place before the next event.
   */
  crash(taskQueue: string, forMs: number): void;
  /** As crash, but orderly: activities under way end as they would, nothing new is taken up until the workers are back. */
  pause(taskQueue: string, forMs: number): void;
  /** Drops one workflow from its worker's memory: it is rebuilt by replay at its next task. */
  evict(workflowId: string): void;
  /** The clock jumps forward: what would have happened meanwhile happens now, in its order. */
  jump(ms: number): void;

  /** Runs until nothing is pending, `until` says true (asked after each event), or the horizon is passed. */
  run(limits?: { readonly until?: () => boolean; readonly horizonMs?: number }): Promise<RunEnd>;

  /** The newest run of this id; undefined when there was none. Follows continue-as-new. */
  resultOf(workflowId: string): WorkflowState | undefined;
  /** Ids of the workflows that run, sorted. */
  running(): readonly string[];
  /** What a workflow shows an operator. */
  shown(workflowId: string): { readonly details: string; readonly searchAttributes: Readonly<Record<string, unknown>> };
  /** Frees the instances. Nothing can be asked afterwards. */
  dispose(): void;
};

type Of<Kind extends string, Facts = unknown> = {
  readonly at: Instant;
  /** 1, 2, 3 in the order things happened; unique in a simulation. */
  readonly seq: number;
  readonly kind: Kind;
} & Facts;

type InWorkflow = { readonly workflowId: string; readonly runId: string; readonly workflowType: string };

type InActivity = InWorkflow & {
  readonly activityType: string;
  readonly activityId: string;
  readonly taskQueue: string;
  readonly local: boolean;
};

export type TimeoutType = 'schedule to start' | 'schedule to close' | 'start to close' | 'heartbeat';

/** How an attempt ended, as the server sees it. `lost`: its worker died, or its answer came to nobody: a time-out will say so. */
export type AttemptEnd =
  | { readonly ended: 'completed'; readonly result?: unknown }
  | { readonly ended: 'failed'; readonly failure: FailureSpec }
  | { readonly ended: 'timed out'; readonly timeout: TimeoutType }
  | { readonly ended: 'cancelled' }
  | { readonly ended: 'lost'; readonly because: string };

export type HarnessEvent =
  | Of<
      'workflow started',
      InWorkflow & { readonly input?: unknown; readonly parentId: string | null; readonly continuedFrom: string | null }
    >
  | Of<'workflow cancel requested', InWorkflow>
  | Of<'workflow signalled', InWorkflow & { readonly signal: string; readonly input?: unknown }>
  | Of<
      'workflow ended',
      InWorkflow & {
        readonly ended: 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed out' | 'continued as new';
        readonly result?: unknown;
        readonly failure?: FailureSpec;
      }
    >
  | Of<
      'workflow task completed',
      InWorkflow & { readonly jobs: readonly string[]; readonly commands: readonly string[] }
    >
  /** A worker died, or what it decided came too late: it is done again from the history. */
  | Of<'workflow task lost', InWorkflow & { readonly because: string }>
  /** Workflow code threw something that is no failure: the task is tried again after a pause, for ever. */
  | Of<'workflow task failed', InWorkflow & { readonly failure: FailureSpec }>
  | Of<'workflow replayed', InWorkflow & { readonly activations: number }>
  | Of<'nondeterminism', InWorkflow & { readonly because: string }>
  | Of<'activity scheduled', InActivity & { readonly input?: unknown; readonly summary: string | null }>
  | Of<'activity attempt started', InActivity & { readonly attempt: number }>
  | Of<
      'activity attempt ended',
      InActivity & { readonly attempt: number; readonly retryInMs: number | null } & AttemptEnd
    >
  /** The activity as a whole: what the workflow will hear. */
  | Of<'activity ended', InActivity & { readonly attempts: number } & AttemptEnd>
  | Of<'activity cancel requested', InActivity>
  | Of<
      'timer started',
      InWorkflow & { readonly timerId: string; readonly forMs: number; readonly summary: string | null }
    >
  | Of<'timer fired' | 'timer cancelled', InWorkflow & { readonly timerId: string }>
  | Of<'child start refused', InWorkflow & { readonly childId: string; readonly because: string }>
  | Of<'update sent', InWorkflow & { readonly updateId: string; readonly update: string; readonly input?: unknown }>
  | Of<'update accepted', InWorkflow & { readonly updateId: string; readonly update: string }>
  | Of<
      'update ended',
      InWorkflow & { readonly updateId: string; readonly update: string; readonly outcome: UpdateState }
    >
  | Of<'patch marked', InWorkflow & { readonly patchId: string }>
  | Of<'search attributes set', InWorkflow & { readonly attributes: Readonly<Record<string, unknown>> }>
  | Of<'workers crashed' | 'workers paused', { readonly taskQueue: string; readonly forMs: number }>
  | Of<'workers back', { readonly taskQueue: string }>
  | Of<'clock jumped', { readonly byMs: number }>;

/** The world's own events carry what the world says. */
export type WorldEvent = Of<`world: ${string}`, { readonly facts: Readonly<Record<string, unknown>> }>;

export type RecordedEvent = HarnessEvent | WorldEvent;
