/** Draws from a seed: the same seed draws the same for ever. The generator is mulberry32 (Tommy Ettinger, public domain). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** True that often. */
  happens(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  oneOf<T>(several: readonly [T, ...T[]]): T;
  oneOf<T>(several: readonly T[]): T | undefined;
  oneOf<T>(several: readonly T[]): T | undefined {
    return several[Math.floor(this.next() * several.length)];
  }

  /** Each of them that often. */
  some<T>(several: readonly T[], probability: number): T[] {
    return several.filter(() => this.happens(probability));
  }

  shuffled<T>(several: readonly T[]): T[] {
    return several
      .map((each) => ({ each, lot: this.next() }))
      .toSorted((a, b) => a.lot - b.lot)
      .map(({ each }) => each);
  }
}
