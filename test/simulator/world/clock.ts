/**
 * The one clock of a simulation, for the product's activities too: they ask Date, as anybody would. One simulation at a
 * time has the clock of its process.
 */
const RealDate = Date;
let source: (() => number) | null = null;

class VirtualDate extends RealDate {
  constructor(...given: readonly unknown[]) {
    super(...((given.length === 0 ? [VirtualDate.now()] : given) as [number]));
  }

  static override now(): number {
    return source ? source() : RealDate.now();
  }
}

/** Has `Date` tell the time of `now` until the answer is called. */
export function takeClock(now: () => number): () => void {
  source = now;
  globalThis.Date = VirtualDate as DateConstructor;
  return () => {
    source = null;
    globalThis.Date = RealDate;
  };
}
