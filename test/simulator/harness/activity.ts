/** An activity as the server sees it: put on a task queue, tried, timed out, tried again, cancelled. */
import type { coresdk } from '@temporalio/proto';
import { AttemptRun } from './attempt-run.ts';
import type { Appointment } from './clock.ts';
import type { Engine } from './engine.ts';
import type { Execution } from './execution.ts';
import {
  type ProtoFailure,
  type RetryState,
  activityFailure,
  applicationFailure,
  cancelledFailure,
  retryStates,
  specOf,
  timeoutFailure,
} from './failures.ts';
import type { Answer, AttemptEnd, Instant, Timeouts, TimeoutType } from './interface.ts';
import { decodedAll, encoded, inMs } from './payloads.ts';
import { type RetryPolicy, nextRetry, retryPolicyOf } from './retries.ts';
import type { TaskQueue } from './task-queue.ts';

type Schedule = coresdk.workflow_commands.IScheduleActivity;

export class Activity {
  readonly facts: { readonly activityType: string; readonly activityId: string; readonly taskQueue: string };
  /** By the numbers of the protocol. */
  readonly cancellationType: number;
  /** The workflow has been told that it is cancelled: whatever the server says later is not for it. */
  private muted = false;
  private isOver = false;
  private readonly engine: Engine;
  private readonly execution: Execution;
  private readonly identity: Execution['identity'] & Activity['facts'] & { readonly local: false };
  private readonly seq: number;
  private readonly input: readonly unknown[];
  private readonly summary: string | null;
  private readonly timeouts: Timeouts;
  private readonly retry: RetryPolicy;
  private readonly queue: TaskQueue;
  private readonly scheduledAt: Instant;
  private readonly closeAt: Instant;
  private attempt = 0;
  private attemptScheduledAt: Instant;
  private dispatch: Appointment | null = null;
  private current: AttemptRun | null = null;
  private cancelRequested = false;

  constructor(execution: Execution, command: Schedule, summary: string | null) {
    const { engine } = execution;
    this.engine = engine;
    this.execution = execution;
    this.seq = command.seq ?? 0;
    this.facts = {
      activityType: command.activityType ?? '',
      activityId: command.activityId ?? '',
      taskQueue: command.taskQueue ?? '',
    };
    this.identity = { ...execution.identity, ...this.facts, local: false };
    this.cancellationType = command.cancellationType ?? 0;
    this.input = decodedAll(command.arguments);
    this.summary = summary;
    this.timeouts = timeoutsOf(command);
    this.retry = retryPolicyOf(command.retryPolicy);
    this.queue = engine.queue(this.facts.taskQueue);
    this.scheduledAt = engine.clock.now;
    this.attemptScheduledAt = this.scheduledAt;
    this.closeAt = this.scheduledAt + (this.timeouts.scheduleToCloseMs ?? Infinity);
    engine.record({ kind: 'activity scheduled', ...this.identity, ...this.recorded(), summary });
    this.offer(this.scheduledAt);
  }

  /** The server has the workflow's wish to cancel it. One that has not begun is cancelled at once. */
  requestCancel(): void {
    if (this.isOver) return;
    this.cancelRequested = true;
    this.engine.record({ kind: 'activity cancel requested', ...this.identity });
    if (this.current) return;
    this.dispatch?.callOff();
    this.ended({ ended: 'cancelled' });
    this.resolve({ cancelled: { failure: cancelledActivity(this.facts) } });
  }

  /** The workflow does not wait for its end any more. */
  mute(): void {
    this.muted = true;
    this.execution.tasks.unhear(
      (job) =>
        job.variant === 'resolveActivity' && !job.resolveActivity.isLocal && job.resolveActivity.seq === this.seq,
    );
  }

  /** Its workflow has ended. */
  abandon(): void {
    this.dispatch?.callOff();
    this.current?.abandon();
  }

  private recorded() {
    return this.engine.recordPayloads ? { input: this.input } : {};
  }

  /** Puts the next attempt on the queue at an instant. */
  private offer(at: Instant): void {
    this.attempt += 1;
    this.attemptScheduledAt = at;
    this.dispatchAt(at + this.engine.delays.activityStart());
  }

  private dispatchAt(at: Instant): void {
    const startBy = this.attemptScheduledAt + (this.timeouts.scheduleToStartMs ?? Infinity);
    const limit = Math.min(startBy, this.closeAt);
    if (at <= limit && at < Infinity) {
      this.dispatch = this.engine.clock.at(at, () => this.takeUp());
      return;
    }
    if (limit === Infinity) return;
    const timeout = startBy <= this.closeAt ? 'schedule to start' : 'schedule to close';
    this.dispatch = this.engine.clock.at(limit, () => this.timedOut(timeout));
  }

  private takeUp(): void {
    const { engine, queue, timeouts } = this;
    if (!queue.isUp) {
      this.dispatchAt(queue.upAt + engine.delays.activityStart());
      return;
    }
    const { attempt } = this;
    engine.record({ kind: 'activity attempt started', ...this.identity, attempt });
    const run = new AttemptRun(engine, queue, timeouts.heartbeatMs, {
      answered: (answer) => this.answered(answer),
      timedOut: (timeout) => this.timedOut(timeout),
      lost: (because) => this.attemptEnded({ ended: 'lost', because }, null, attempt),
    });
    this.current = run;
    run.start(
      this.input,
      {
        now: engine.clock.now,
        ...this.identity,
        attempt,
        scheduledAt: this.scheduledAt,
        attemptScheduledAt: this.attemptScheduledAt,
        summary: this.summary,
        timeouts,
        later: (afterMs, happening) => void engine.clock.after(afterMs, () => engine.settle(happening())),
        cancelRequested: () => this.cancelRequested,
      },
      this.closeAt,
    );
  }

  private answered(answer: Answer): void {
    if ('cancelled' in answer) {
      this.attemptEnded({ ended: 'cancelled' }, null);
      this.ended({ ended: 'cancelled' });
      this.resolve({ cancelled: { failure: cancelledActivity(this.facts) } });
      return;
    }
    if ('failure' in answer) {
      const failure = applicationFailure(answer.failure);
      this.retryOr({ ended: 'failed', failure: specOf(failure) }, failure, (state) => ({
        failure: activityFailure('Activity task failed', this.facts, state, failure),
        end: { ended: 'failed', failure: specOf(failure) },
      }));
      return;
    }
    const end = this.engine.recordPayloads
      ? ({ ended: 'completed', result: answer.result } as const)
      : ({ ended: 'completed' } as const);
    this.attemptEnded(end, null);
    this.ended(end);
    this.resolve({ completed: { result: encoded(answer.result) } });
  }

  private timedOut(timeout: TimeoutType): void {
    const wholeIsOver = timeout === 'schedule to start' || timeout === 'schedule to close';
    const conclude = (state: RetryState) => {
      // The server's words: an attempt that may not be repeated for want of time has exceeded the time of the whole.
      const named = state === retryStates.timeout && !wholeIsOver ? 'schedule to close' : timeout;
      return {
        failure: activityFailure('Activity task timed out', this.facts, state, timeoutFailure(named)),
        end: { ended: 'timed out', timeout: named } as const,
      };
    };
    if (this.current) this.retryOr({ ended: 'timed out', timeout }, timeoutFailure(timeout), conclude, wholeIsOver);
    else this.conclude(conclude(retryStates.timeout));
  }

  private retryOr(
    end: AttemptEnd,
    failure: ProtoFailure,
    conclusion: (state: RetryState) => { failure: ProtoFailure; end: AttemptEnd },
    wholeIsOver = false,
  ): void {
    const { attempt, closeAt: deadline } = this;
    const now = this.engine.clock.now;
    const next = wholeIsOver
      ? { never: retryStates.timeout }
      : this.cancelRequested
        ? { never: retryStates.cancelRequested }
        : nextRetry(this.retry, { attempt, failure, now, deadline });
    this.current = null;
    if ('inMs' in next) {
      this.attemptEnded(end, next.inMs);
      this.offer(now + next.inMs);
      return;
    }
    this.attemptEnded(end, null);
    this.conclude(conclusion(next.never));
  }

  private conclude({ failure, end }: { failure: ProtoFailure; end: AttemptEnd }): void {
    this.ended(end);
    this.resolve({ failed: { failure } });
  }

  private attemptEnded(end: AttemptEnd, retryInMs: number | null, attempt = this.attempt): void {
    this.engine.record({ kind: 'activity attempt ended', ...this.identity, attempt, retryInMs, ...end });
  }

  private ended(end: AttemptEnd): void {
    this.engine.record({ kind: 'activity ended', ...this.identity, attempts: this.attempt, ...end });
  }

  private resolve(result: coresdk.activity_result.IActivityResolution): void {
    this.isOver = true;
    if (!this.muted)
      this.execution.tell(
        { variant: 'resolveActivity', resolveActivity: { seq: this.seq, result, isLocal: false } },
        2,
      );
  }
}

/** The failure that core makes itself when a workflow cancels an activity and does not wait for it. */
export function cancelledActivity(facts: { readonly activityType: string; readonly activityId: string }): ProtoFailure {
  return activityFailure('Activity cancelled', facts, retryStates.cancelRequested, cancelledFailure());
}

export function timeoutsOf(command: coresdk.workflow_commands.IScheduleActivity): Timeouts {
  return {
    scheduleToCloseMs: inMs(command.scheduleToCloseTimeout),
    scheduleToStartMs: inMs(command.scheduleToStartTimeout),
    startToCloseMs: inMs(command.startToCloseTimeout),
    heartbeatMs: inMs(command.heartbeatTimeout),
  };
}
