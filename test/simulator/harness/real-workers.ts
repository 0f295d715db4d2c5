/** Workers on a real server that run the workflows with a faster clock, and the world's activities. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { DefaultLogger, type NativeConnection, Worker, bundleWorkflowCode } from '@temporalio/worker';
import { replacingSources } from './bundle.ts';
import type { ActivityFunction, ActivityTable, Answer, Attempt, FailureSpec, Instant } from './interface.ts';

export type RealClock = {
  /** The virtual time. */
  now(this: void): Instant;
  /** How many virtual milliseconds pass in a real one. */
  readonly speed: number;
  readonly realStartMs: number;
  readonly virtualStartMs: Instant;
};

const scaledTime = fileURLToPath(new URL('scaled-time.ts', import.meta.url));
const scaledTimeName = 'test/simulator/harness/scaled-time.ts';
const timePlace = /const time = .*;/;

/** Kept from the start: a world may put its own clock in its place. */
const realNow = Date.now.bind(Date);

export function realClock(speed: number, virtualStartMs: Instant): RealClock {
  const realStartMs = realNow();
  return { now: () => virtualStartMs + (realNow() - realStartMs) * speed, speed, realStartMs, virtualStartMs };
}

export type RealWorkers = {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly workflowsPath: string;
  readonly clock: RealClock;
  readonly activities: ActivityTable;
  /** The queue of the workflows. */
  readonly taskQueue: string;
  /** Queues that have activities alone. */
  readonly otherQueues: readonly string[];
};

/** Starts the workers; what is returned stops them, activities that hang included. */
export async function startRealWorkers(wishes: RealWorkers): Promise<() => Promise<void>> {
  const { connection, namespace, clock, taskQueue, otherQueues } = wishes;
  const { speed, realStartMs, virtualStartMs } = clock;
  const time = JSON.stringify({ speed, realStartMs, virtualStartMs });
  const source = readFileSync(scaledTime, 'utf8').replace(timePlace, `const time = ${time};`);
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: wishes.workflowsPath,
    workflowInterceptorModules: [scaledTime],
    logger: new DefaultLogger('ERROR'),
    ...replacingSources({ [scaledTimeName]: source }),
  });
  const activities = Object.fromEntries(
    Object.entries(wishes.activities).map(([name, act]) => [name, onRealServer(name, act, clock)]),
  );
  const common = {
    connection,
    namespace,
    activities,
    shutdownForceTime: '2 seconds',
    shutdownGraceTime: '10 milliseconds',
  } as const;
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue, workflowBundle }),
    ...otherQueues.map((queue) => Worker.create({ ...common, taskQueue: queue })),
  ]);
  const runs = workers.map((worker) => worker.run());
  return async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.allSettled(runs);
  };
}

function onRealServer(name: string, act: ActivityFunction, clock: RealClock) {
  return async (...input: readonly unknown[]): Promise<unknown> => {
    const context = Context.current();
    const { heartbeatTimeoutMs } = context.info;
    const beats = heartbeatTimeoutMs ? setInterval(() => context.heartbeat(), heartbeatTimeoutMs / 4) : undefined;
    try {
      const outcome = await act(input, attemptOf(name, context, clock));
      if ('never' in outcome) {
        if (!outcome.beats) clearInterval(beats);
        return await context.cancelled;
      }
      await pause(outcome.afterMs / clock.speed);
      const answer = 'end' in outcome ? await outcome.end(clock.now()) : outcome;
      if (outcome.answerLost) {
        if (outcome.answerLost === 'silent') clearInterval(beats);
        return await context.cancelled;
      }
      return resultOrThrow(answer, clock.speed);
    } finally {
      clearInterval(beats);
    }
  };
}

function attemptOf(activityType: string, { info, cancellationSignal }: Context, clock: RealClock): Attempt {
  const virtual = (realMs: number) => clock.virtualStartMs + (realMs - clock.realStartMs) * clock.speed;
  return {
    now: clock.now(),
    activityType,
    activityId: info.activityId,
    attempt: info.attempt,
    local: info.isLocal,
    taskQueue: info.taskQueue,
    workflowType: info.workflowType ?? '',
    workflowId: info.workflowExecution?.workflowId ?? '',
    runId: info.workflowExecution?.runId ?? '',
    scheduledAt: virtual(info.scheduledTimestampMs),
    attemptScheduledAt: virtual(info.currentAttemptScheduledTimestampMs),
    summary: null,
    timeouts: {
      scheduleToCloseMs: info.scheduleToCloseTimeoutMs,
      scheduleToStartMs: null,
      startToCloseMs: info.startToCloseTimeoutMs,
      heartbeatMs: info.heartbeatTimeoutMs ?? null,
    },
    later: (afterMs, happening) => void pause(afterMs / clock.speed).then(happening),
    cancelRequested: () => cancellationSignal.aborted,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function resultOrThrow(answer: Answer, speed: number): unknown {
  if ('cancelled' in answer) throw new CancelledFailure('it heeds the cancellation');
  if ('failure' in answer) throw failureOf(answer.failure, speed);
  return answer.result;
}

function failureOf(spec: FailureSpec, speed: number): ApplicationFailure {
  const { message, type, nonRetryable, nextRetryDelayMs, benign, details, cause } = spec;
  return ApplicationFailure.create({
    message,
    type: type ?? 'Error',
    nonRetryable: nonRetryable ?? false,
    ...(nextRetryDelayMs === undefined ? {} : { nextRetryDelay: Math.max(1, Math.round(nextRetryDelayMs / speed)) }),
    ...(benign ? { category: ApplicationFailureCategory.BENIGN } : {}),
    ...(details ? { details: [...details] } : {}),
    ...(cause ? { cause: failureOf(cause, speed) } : {}),
  });
}
