/** One attempt of an activity on its worker: its function, its end, and what ends it before. */
import type { Appointment } from './clock.ts';
import type { Engine } from './engine.ts';
import { specOfThrown } from './failures.ts';
import type { Answer, Attempt, FailureSpec, Instant, Outcome, TimeoutType } from './interface.ts';
import type { TaskQueue } from './task-queue.ts';

/** Who hears of the attempt. */
export type Hearing = {
  answered(answer: Answer): void;
  timedOut(timeout: TimeoutType): void;
  /** Its answer will never be heard; a time-out may still say so to the workflow. */
  lost(because: string): void;
};

type Limit = { readonly at: Instant; readonly timeout: TimeoutType };

export class AttemptRun {
  private completion: Appointment | null = null;
  private limit: Appointment | null = null;
  private limits: readonly Limit[] = [];
  private awaited = true;
  private readonly engine: Engine;
  private readonly queue: TaskQueue;
  private readonly startedAt: Instant;
  private readonly heartbeatMs: number;
  private readonly hearing: Hearing;

  constructor(engine: Engine, queue: TaskQueue, heartbeatMs: number | null, hearing: Hearing) {
    this.engine = engine;
    this.queue = queue;
    this.startedAt = engine.clock.now;
    this.heartbeatMs = heartbeatMs ?? Infinity;
    this.hearing = hearing;
  }

  /** @param closeAt until when the activity as a whole has to have ended */
  start(input: readonly unknown[], attempt: Attempt, closeAt: Instant): void {
    this.queue.join(this);
    this.limits = [
      { at: this.startedAt + (attempt.timeouts.startToCloseMs ?? Infinity), timeout: 'start to close' },
      { at: closeAt, timeout: 'schedule to close' },
    ];
    const act = this.engine.activities[attempt.activityType];
    if (!act) throw new Error(`The world has no activity ${attempt.activityType}: add it to the table of activities.`);
    this.consult<Outcome>(
      () => act(input, attempt),
      (failure) => ({ afterMs: 0, failure }),
      (outcome) => this.begin(outcome),
    );
  }

  /** Nobody waits for it any more: it goes on as long as its worker lives, and its answer is for nobody. */
  abandon(): void {
    this.awaited = false;
    this.limit?.callOff();
    if (!this.completion) this.queue.leave(this);
  }

  workerDied(): void {
    this.queue.leave(this);
    this.completion?.callOff();
    this.completion = null;
    if (!this.awaited) return;
    const { clock, deaths } = this.engine;
    // The last sign of life was some time before: it is told at most every four fifths of the limit.
    const since = Math.floor(deaths() * Math.min(this.heartbeatMs * 0.8, clock.now - this.startedAt));
    this.limitFrom(clock.now - since);
    this.hearing.lost('its worker died');
  }

  private begin(outcome: Outcome): void {
    if ('never' in outcome) {
      this.limitFrom(outcome.beats ? Infinity : this.startedAt);
      return;
    }
    const endsAt = this.startedAt + outcome.afterMs;
    this.completion = this.engine.clock.at(endsAt, () => this.finish(outcome));
    const { answerLost } = outcome;
    this.limitFrom(answerLost === 'silent' ? endsAt : Infinity, answerLost ? Infinity : endsAt);
  }

  private finish(outcome: Exclude<Outcome, { never: true }>): void {
    this.completion = null;
    this.consult<Answer>(
      () => ('end' in outcome ? outcome.end(this.engine.clock.now) : outcome),
      (failure) => ({ failure }),
      (answer) => this.conclude(answer, outcome.answerLost !== undefined),
    );
  }

  private conclude(answer: Answer, isLost: boolean): void {
    if (!this.awaited) {
      this.queue.leave(this);
      this.hearing.lost('nobody waited for it any more');
      return;
    }
    if (isLost) {
      this.hearing.lost('its answer was lost');
      return;
    }
    this.abandon();
    this.hearing.answered(answer);
  }

  /** Asks the world, which may answer at once or promise to; an ApplicationFailure is how it says no. */
  private consult<T>(ask: () => T | Promise<T>, failed: (failure: FailureSpec) => T, go: (answer: T) => void): void {
    let answer: T | Promise<T>;
    try {
      answer = ask();
    } catch (error) {
      answer = failed(specOfThrown(error));
    }
    if (answer instanceof Promise) this.engine.settle(goOn(answer));
    else go(answer);

    async function goOn(promise: Promise<T>): Promise<void> {
      go(await promise.catch((error: unknown) => failed(specOfThrown(error))));
    }
  }

  /** Makes the appointment with the first of its limits, where that comes before its end. */
  private limitFrom(silentFrom: Instant, endsAt: Instant = Infinity): void {
    this.limit?.callOff();
    this.limit = null;
    if (!this.awaited) return;
    let first: Limit = { at: silentFrom + this.heartbeatMs, timeout: 'heartbeat' };
    for (const limit of this.limits) if (limit.at < first.at) first = limit;
    if (first.at >= endsAt) return;
    if (first.at === Infinity) return;
    this.limit = this.engine.clock.at(first.at, () => {
      this.abandon();
      this.hearing.timedOut(first.timeout);
    });
  }
}
