/**
 * The same workflows, activities and orders on a real Temporal server, to see whether the harness tells the truth. What
 * cannot be had there is missing: a worker that is killed, a clock that jumps, a record of the server's own events.
 */
import { Client, WorkflowFailedError, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import {
  CancelledFailure,
  TemporalFailure,
  TerminatedFailure,
  TimeoutFailure,
  defaultFailureConverter,
  defaultPayloadConverter,
} from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { DefaultLogger, NativeConnection, Runtime, makeTelemetryFilterString } from '@temporalio/worker';
import { specOf } from './failures.ts';
import type {
  ActivityTable,
  FailureSpec,
  Instant,
  RecordedEvent,
  RunEnd,
  Simulation,
  StartOptions,
  UpdateHandle,
  UpdateState,
  WorkflowState,
} from './interface.ts';
import { randomFrom } from './random.ts';
import { realClock, startRealWorkers } from './real-workers.ts';

export type RealServerOptions = {
  readonly address: string;
  readonly namespace: string;
  readonly workflowsPath: string;
  readonly seed: number | string;
  readonly activities: ActivityTable;
  readonly startAt: Instant;
  readonly taskQueue: string;
  /** Task queues besides, which have activities alone. */
  readonly otherQueues?: readonly string[];
  /** How many virtual milliseconds pass in a real one; 1 unless told. */
  readonly speed?: number;
};

/** What of a simulation there is on a real server. Orders are sent one after another; a failing one ends `run`. */
export type RealSimulation = Pick<
  Simulation,
  | 'now'
  | 'randomFor'
  | 'events'
  | 'note'
  | 'at'
  | 'after'
  | 'start'
  | 'update'
  | 'signal'
  | 'cancel'
  | 'terminate'
  | 'run'
  | 'resultOf'
> & {
  /** What each workflow has asked the server for, in order. */
  asked(): Promise<ReadonlyMap<string, readonly Asked[]>>;
  /** Terminates what still runs, and stops the workers. */
  close(): Promise<void>;
};

/** An activity by its type; a child by its type and id. */
export type Asked = { readonly activity?: string; readonly child?: string };

const lookEveryMs = 100;
let isQuiet = false;

/** Failures are what is tried here: nobody wants to read of each. Once in a process. */
function quieten(): void {
  if (isQuiet) return;
  isQuiet = true;
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter } } });
}

export async function onRealServer(options: RealServerOptions): Promise<RealSimulation> {
  const { address, namespace, activities, taskQueue, workflowsPath, otherQueues = [] } = options;
  quieten();
  const connection = await NativeConnection.connect({ address });
  const client = new Client({ connection, namespace });
  const clock = realClock(options.speed ?? 1, options.startAt);
  const stop = await startRealWorkers({
    connection,
    namespace,
    workflowsPath,
    clock,
    activities,
    taskQueue,
    otherQueues,
  });
  const events: RecordedEvent[] = [];
  const states = new Map<string, WorkflowState>();
  const errors: unknown[] = [];
  const began = new Date(clock.realStartMs).toISOString();
  const ours = `TaskQueue = '${taskQueue}' AND StartTime >= '${began}'`;
  let orders = Promise.resolve();
  let waiting = 0;
  let updates = 0;

  /** In the order in which they are given, as a client would. One that comes too late is noted, as a person would. */
  const order = (act: () => Promise<unknown>) => {
    waiting += 1;
    orders = carryOut(orders, act);
  };
  const carryOut = async (earlier: Promise<void>, act: () => Promise<unknown>) => {
    await earlier;
    try {
      await act();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError)
        note('world: an order came too late', { workflowId: error.workflowId });
      else errors.push(error);
    }
    waiting -= 1;
  };
  /** Counted from when the server has carried out the orders before: it may take its time over them. */
  const after = (ms: number, act: () => unknown) => {
    waiting += 1;
    void orders.then(() => setTimeout(() => void due(act), Math.max(0, ms / clock.speed)));
  };
  const due = async (act: () => unknown) => {
    // Its orders do not wait for those that were given to begin with.
    const others = orders;
    orders = Promise.resolve();
    try {
      const acted = act();
      orders = others;
      await acted;
    } catch (error) {
      errors.push(error);
    }
    waiting -= 1;
  };
  const note: RealSimulation['note'] = (kind, facts) =>
    void events.push({ at: clock.now(), seq: events.length + 1, kind, facts });
  const listed = async (query: string) => {
    const ids: string[] = [];
    for await (const execution of client.workflow.list({ query })) ids.push(execution.workflowId);
    return ids;
  };
  const running = () => listed(`TaskQueue = '${taskQueue}' AND ExecutionStatus = 'Running'`);

  return {
    now: clock.now,
    randomFor: (purpose) => randomFrom(`${options.seed}/for ${purpose}`),
    events,
    note,
    at: (instant, act) => after(instant - clock.now(), act),
    after,

    start(type, workflowId, args, { taskQueue: queue = taskQueue, ...wishes }: StartOptions = {}) {
      const conflict = wishes.whenRunning === 'use existing' ? 'USE_EXISTING' : 'FAIL';
      const started = { taskQueue: queue, workflowId, args: [...args], workflowIdConflictPolicy: conflict } as const;
      states.set(workflowId, { state: 'running' });
      order(() => client.workflow.start(type, started));
      return '';
    },
    update(workflowId, name, args, updateId = `update-${(updates += 1)}`): UpdateHandle {
      let state: UpdateState = { state: 'sent' };
      // Not awaited: it may take as long as the workflow lets it, and other orders follow meanwhile.
      order(async () => void execute());
      return { updateId, current: () => state };

      async function execute(): Promise<void> {
        waiting += 1;
        try {
          const result = await client.workflow
            .getHandle(workflowId)
            .executeUpdate(name, { args: args as [], updateId });
          state = { state: 'completed', result };
        } catch (error) {
          const refused = error instanceof WorkflowUpdateFailedError;
          state = { state: refused ? 'rejected' : 'lost', failure: specOfError(refused ? error.cause : error) };
        }
        waiting -= 1;
      }
    },
    signal: (workflowId, name, args) => order(() => client.workflow.getHandle(workflowId).signal(name, ...args)),
    cancel: (workflowId) => order(() => client.workflow.getHandle(workflowId).cancel()),
    terminate: (workflowId, because) => order(() => client.workflow.getHandle(workflowId).terminate(because)),

    async run({ until, horizonMs = Infinity } = {}): Promise<RunEnd> {
      const horizon = clock.now() + horizonMs;
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
        if (errors.length > 0) throw errors[0];
        const end = until?.() ? 'until' : clock.now() > horizon ? 'horizon' : await idle();
        if (!end) continue;
        await readStates();
        return end;
      }
    },
    resultOf: (workflowId) => states.get(workflowId),
    async asked() {
      const asked = new Map<string, readonly Asked[]>();
      const runs: { readonly workflowId: string; readonly runId: string; readonly startTime: Date }[] = [];
      for await (const run of client.workflow.list({ query: ours })) runs.push(run);
      for (const { workflowId, runId } of runs.toSorted((a, b) => a.startTime.getTime() - b.startTime.getTime())) {
        const { events: told } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        asked.set(workflowId, [...(asked.get(workflowId) ?? []), ...(told ?? []).flatMap(askedIn)]);
      }
      return asked;
    },

    async close() {
      for (const workflowId of await running())
        await client.workflow
          .getHandle(workflowId)
          .terminate('the comparison is over')
          .catch(() => undefined);
      await stop();
      await connection.close();
    },
  };

  async function idle(): Promise<'idle' | null> {
    if (waiting > 0) return null;
    const going = await running();
    if (going.length > 0) return null;
    // Twice, as a workflow may start another between its own end and the list.
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    return (await running()).length === 0 && waiting === 0 ? 'idle' : null;
  }

  async function readStates(): Promise<void> {
    const ids = new Set(await listed(ours));
    for (const workflowId of new Set([...ids, ...states.keys()])) states.set(workflowId, await stateOf(workflowId));
  }

  async function stateOf(workflowId: string): Promise<WorkflowState> {
    const handle = client.workflow.getHandle(workflowId);
    const { status } = await handle.describe();
    if (status.name === 'RUNNING') return { state: 'running' };
    try {
      return { state: 'completed', result: await handle.result() };
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw error;
      const { cause } = error;
      if (cause instanceof CancelledFailure) return { state: 'cancelled' };
      if (cause instanceof TerminatedFailure) return { state: 'terminated' };
      if (cause instanceof TimeoutFailure) return { state: 'timed out' };
      return { state: 'failed', failure: specOfError(cause) };
    }
  }
}

function askedIn(event: temporal.api.history.v1.IHistoryEvent): readonly Asked[] {
  const activity = event.activityTaskScheduledEventAttributes?.activityType?.name;
  if (activity) return [{ activity }];
  const child = event.startChildWorkflowExecutionInitiatedEventAttributes;
  return child ? [{ child: `${child.workflowType?.name} ${child.workflowId}` }] : [];
}

/** The same words that the harness has for it. */
function specOfError(error: unknown): FailureSpec {
  if (error instanceof TemporalFailure)
    return specOf(defaultFailureConverter.errorToFailure(error, defaultPayloadConverter));
  return { message: String((error as { readonly message?: unknown } | null)?.message ?? error) };
}
