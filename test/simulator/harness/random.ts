import { hashOf } from '../../../domain/hash.ts';
import type { Random } from './interface.ts';

/** A source of its own for each text: the same text gives the same numbers. The generator is mulberry32 (public domain). */
export function randomFrom(text: string): Random {
  let state = hashOf(text) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
