import type { Instant, Random } from './interface.ts';

/** Something that will happen, unless it is called off. */
export type Appointment = { readonly at: Instant; callOff(): void };

type Entry = Appointment & { readonly tie: number; readonly seq: number; act: (() => void) | null };

/** The virtual clock: what is due happens in the order of its instants; a seeded draw decides between equal ones. */
export class Clock {
  private readonly heap: Entry[] = [];
  private seq = 0;
  private time: Instant;
  private readonly ties: Random;

  constructor(startAt: Instant, ties: Random) {
    this.time = startAt;
    this.ties = ties;
  }

  get now(): Instant {
    return this.time;
  }

  at(instant: Instant, act: () => void): Appointment {
    const entry: Entry = {
      at: instant,
      tie: this.ties(),
      seq: (this.seq += 1),
      act,
      callOff() {
        this.act = null;
      },
    };
    this.push(entry);
    return entry;
  }

  after(ms: number, act: () => void): Appointment {
    return this.at(this.time + ms, act);
  }

  jump(ms: number): void {
    this.time += ms;
  }

  /** When the next thing is due; undefined when nothing is. */
  get nextAt(): Instant | undefined {
    while (this.heap[0] && this.heap[0].act === null) this.pop();
    return this.heap[0]?.at;
  }

  /** Lets the next thing happen. What a jump has passed over happens now. */
  step(): void {
    const entry = this.pop();
    if (!entry?.act) return;
    this.time = Math.max(this.time, entry.at);
    const { act } = entry;
    // Called off from now on: it happens once.
    entry.act = null;
    act();
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let place = heap.push(entry) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!before(entry, heap[above] as Entry)) break;
      heap[place] = heap[above] as Entry;
      place = above;
    }
    heap[place] = entry;
  }

  private pop(): Entry | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && before(heap[below + 1] as Entry, heap[below] as Entry)) below += 1;
      if (!before(heap[below] as Entry, last)) break;
      heap[place] = heap[below] as Entry;
      place = below;
    }
    heap[place] = last;
    return first;
  }
}

function before(a: Entry, b: Entry): boolean {
  if (a.at !== b.at) return a.at < b.at;
  if (a.tie !== b.tie) return a.tie < b.tie;
  return a.seq < b.seq;
}
