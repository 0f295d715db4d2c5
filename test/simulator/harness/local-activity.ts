/** A local activity: run by the workflow's own worker while its workflow task is open, and tried again there. */
import type { coresdk } from '@temporalio/proto';
import { timeoutsOf } from './activity.ts';
import { AttemptRun } from './attempt-run.ts';
import type { Appointment } from './clock.ts';
import type { Execution } from './execution.ts';
import {
  type ProtoFailure,
  activityFailure,
  applicationFailure,
  cancelledFailure,
  retryStates,
  specOf,
  timeoutFailure,
} from './failures.ts';
import type { Answer, AttemptEnd, Instant, Timeouts, TimeoutType } from './interface.ts';
import { asSpan, decodedAll, encoded, inMs, summaryOf } from './payloads.ts';
import { nextRetry, retryPolicyOf } from './retries.ts';
import type { WorkflowCommand } from './sandbox.ts';

/** A longer pause than this is a timer of the workflow's, lest its task stay open. Core's own value. */
const localRetryThresholdMs = 60_000;

export class LocalActivity {
  readonly command: WorkflowCommand;
  private readonly schedule: coresdk.workflow_commands.IScheduleLocalActivity;
  private readonly execution: Execution;
  private readonly facts: { readonly activityType: string; readonly activityId: string; readonly taskQueue: string };
  private readonly identity: Execution['identity'] & LocalActivity['facts'] & { readonly local: true };
  private readonly input: readonly unknown[];
  private readonly timeouts: Timeouts;
  private readonly scheduledAt: Instant;
  private readonly closeAt: Instant;
  private attempt: number;
  private attemptScheduledAt: Instant;
  private next: Appointment | null = null;
  private current: AttemptRun | null = null;
  private cancelRequested = false;

  constructor(execution: Execution, command: WorkflowCommand) {
    const schedule = command.scheduleLocalActivity ?? {};
    const { clock, record, recordPayloads } = execution.engine;
    this.command = command;
    this.schedule = schedule;
    this.execution = execution;
    this.facts = {
      activityType: schedule.activityType ?? '',
      activityId: schedule.activityId ?? '',
      taskQueue: execution.taskQueue,
    };
    this.identity = { ...execution.identity, ...this.facts, local: true };
    this.input = decodedAll(schedule.arguments);
    this.timeouts = timeoutsOf(schedule);
    this.attempt = schedule.attempt || 1;
    this.scheduledAt = inMs(schedule.originalScheduleTime) ?? clock.now;
    this.attemptScheduledAt = clock.now;
    this.closeAt = this.scheduledAt + (this.timeouts.scheduleToCloseMs ?? Infinity);
    const input = recordPayloads ? { input: this.input } : {};
    record({ kind: 'activity scheduled', ...this.identity, ...input, summary: this.summary });
    this.next = clock.after(0, () => this.start());
  }

  get seq(): number {
    return this.schedule.seq ?? 0;
  }

  /** Cancelled by the workflow, which hears of it at once; null when it waits for the activity itself. */
  cancel(): coresdk.activity_result.IActivityResolution {
    this.cancelRequested = true;
    this.stop();
    this.ended({ ended: 'cancelled' });
    const failure = activityFailure(
      'Local Activity cancelled',
      this.facts,
      retryStates.cancelRequested,
      cancelledFailure(),
    );
    return { cancelled: { failure } };
  }

  /** The workflow task it belongs to is lost: it never was. */
  drop(because: string): void {
    this.stop();
    this.ended({ ended: 'lost', because });
  }

  private get summary(): string | null {
    return summaryOf(this.command.userMetadata);
  }

  private stop(): void {
    this.next?.callOff();
    this.current?.abandon();
  }

  private start(): void {
    const { attempt, execution, timeouts } = this;
    const { engine } = execution;
    this.next = null;
    engine.record({ kind: 'activity attempt started', ...this.identity, attempt });
    const run = new AttemptRun(engine, engine.queue(execution.taskQueue), null, {
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
    if ('cancelled' in answer)
      throw new Error(`${this.facts.activityType} heeds a cancellation that nobody asked for.`);
    if ('failure' in answer) {
      const failure = applicationFailure(answer.failure);
      this.retryOr({ ended: 'failed', failure: specOf(failure) }, failure, failure);
      return;
    }
    const result = this.execution.engine.recordPayloads ? { result: answer.result } : {};
    this.attemptEnded({ ended: 'completed', ...result }, null);
    this.ended({ ended: 'completed', ...result });
    this.execution.tasks.localEnded(this, { completed: { result: encoded(answer.result) } });
  }

  private timedOut(timeout: TimeoutType): void {
    const failure = timeoutFailure(timeout);
    const told = activityFailure('Local Activity timed out', this.facts, retryStates.cancelRequested, failure);
    if (timeout === 'start to close' && this.current) this.retryOr({ ended: 'timed out', timeout }, failure, told);
    else {
      this.next?.callOff();
      if (this.current) this.attemptEnded({ ended: 'timed out', timeout }, null);
      this.conclude({ ended: 'timed out', timeout }, told);
    }
  }

  /** @param told what the workflow hears when there is no further attempt */
  private retryOr(end: AttemptEnd, failure: ProtoFailure, told: ProtoFailure): void {
    const { attempt } = this;
    const { clock } = this.execution.engine;
    const retry = nextRetry(retryPolicyOf(this.schedule.retryPolicy), {
      attempt,
      failure,
      now: clock.now,
      deadline: Infinity,
    });
    this.current = null;
    if (!('inMs' in retry)) {
      this.attemptEnded(end, null);
      this.conclude(end, told);
      return;
    }
    this.attemptEnded(end, retry.inMs);
    if (retry.inMs > (inMs(this.schedule.localRetryThreshold) ?? localRetryThresholdMs)) {
      this.ended(end);
      const originalScheduleTime = asSpan(this.scheduledAt);
      const backoff = { attempt: attempt + 1, backoffDuration: asSpan(retry.inMs), originalScheduleTime };
      this.execution.tasks.localEnded(this, { backoff });
      return;
    }
    this.attempt += 1;
    this.attemptScheduledAt = clock.now + retry.inMs;
    this.next =
      this.attemptScheduledAt <= this.closeAt
        ? clock.at(this.attemptScheduledAt, () => this.start())
        : clock.at(this.closeAt, () => this.timedOut('schedule to close'));
  }

  private conclude(end: AttemptEnd, failure: ProtoFailure): void {
    this.ended(end);
    this.execution.tasks.localEnded(this, { failed: { failure } });
  }

  private attemptEnded(end: AttemptEnd, retryInMs: number | null, attempt = this.attempt): void {
    this.execution.engine.record({ kind: 'activity attempt ended', ...this.identity, attempt, retryInMs, ...end });
  }

  private ended(end: AttemptEnd): void {
    this.execution.engine.record({ kind: 'activity ended', ...this.identity, attempts: this.attempt, ...end });
  }
}
