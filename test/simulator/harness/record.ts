import type { Clock } from './clock.ts';
import type { RecordedEvent } from './interface.ts';

type Listener = (event: RecordedEvent) => void;

/** The append-only record. Whoever listens is told between two events of the clock, so that it may give orders. */
export class EventRecord {
  readonly events: RecordedEvent[] = [];
  /** How many events there were. */
  length = 0;
  private delivered = 0;
  private readonly clock: Clock;
  private readonly listener: Listener | undefined;
  private readonly isKept: boolean;

  /** @param isKept whether events are kept when they have been told */
  constructor(clock: Clock, listener: Listener | undefined, isKept: boolean) {
    this.clock = clock;
    this.listener = listener;
    this.isKept = isKept;
  }

  /** Takes the event over. */
  add(event: object): void {
    this.length += 1;
    this.events.push(Object.assign(event, { at: this.clock.now, seq: this.length }) as RecordedEvent);
  }

  deliver(): void {
    const { events } = this;
    // Whoever is told may add to them.
    for (; this.delivered < events.length; this.delivered += 1)
      this.listener?.(events[this.delivered] as RecordedEvent);
    if (this.isKept) return;
    events.length = 0;
    this.delivered = 0;
  }
}
