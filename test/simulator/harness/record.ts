import type { Clock } from './clock.ts';
import type { RecordedEvent } from './interface.ts';

/** The append-only record. Whoever listens is told between two events of the clock, so that it may give orders. */
export class EventRecord {
  readonly events: RecordedEvent[] = [];
  private delivered = 0;
  private readonly clock: Clock;
  private readonly listener: ((event: RecordedEvent) => void) | undefined;

  constructor(clock: Clock, listener: ((event: RecordedEvent) => void) | undefined) {
    this.clock = clock;
    this.listener = listener;
  }

  add(event: object): void {
    this.events.push({ at: this.clock.now, seq: this.events.length + 1, ...event } as RecordedEvent);
  }

  deliver(): void {
    const { events, listener } = this;
    if (!listener) return;
    while (this.delivered < events.length) {
      const event = events[this.delivered] as RecordedEvent;
      this.delivered += 1;
      listener(event);
    }
  }
}
