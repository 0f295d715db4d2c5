import type { Clock } from './clock.ts';
import type { Instant } from './interface.ts';

/** What runs on a worker and dies with it. */
export type Mortal = { workerDied(): void };

/** A task queue with its worker, which may be away. */
export class TaskQueue {
  readonly name: string;
  /** Raised whenever the worker is another than before: what the former had in memory is gone. */
  generation = 0;
  /** Until then a workflow's tasks wait for the memory of a worker that is not there any more. */
  stickyUntil: Instant = -Infinity;
  upAt: Instant = -Infinity;
  private readonly clock: Clock;
  private readonly mortals = new Set<Mortal>();

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.clock = clock;
  }

  get isUp(): boolean {
    return this.clock.now >= this.upAt;
  }

  join(mortal: Mortal): void {
    this.mortals.add(mortal);
  }

  leave(mortal: Mortal): void {
    this.mortals.delete(mortal);
  }

  /** The worker is killed: what it had begun is lost. */
  die(forMs: number): void {
    this.away(forMs);
    this.stickyUntil = this.clock.now + stickyMs;
    // Those that are there now: dying, some begin others.
    for (const mortal of Array.from(this.mortals)) mortal.workerDied();
  }

  /** The worker ends in order: what it had begun ends as it would. */
  rest(forMs: number): void {
    this.away(forMs);
  }

  private away(forMs: number): void {
    this.generation += 1;
    this.upAt = Math.max(this.upAt, this.clock.now + forMs);
  }
}

/** How long the server waits for a worker that has the workflow in memory before any other may take the task. */
export const stickyMs = 10_000;
