/**
 * Everything a running cycle can be told or asked. Orders that can be refused are updates: each carries who gives it
 * and why, in one object, as Temporal's UI sends it. A signal only nudges.
 */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { PersonsWord, Step } from '../domain/cycle.ts';

export const approve = defineUpdate<void, [PersonsWord]>('approve');
export const halt = defineUpdate<void, [PersonsWord]>('halt');
/** Advances a held gate. A halted ring is never advanced. */
export const advance = defineUpdate<void, [PersonsWord]>('advance');
export const openWindow = defineUpdate<void, [PersonsWord & { readonly minutes: number; readonly site?: string }]>(
  'openWindow',
);

/** Tells a ring that something it waits for may have changed: a window opened, an order given. */
export const lookAgain = defineSignal('lookAgain');

export type CycleStatus = {
  readonly step: Step | 'ended';
  readonly doing: string;
  /** What a person or the clock has to do before it goes on; null when it works. */
  readonly waitsFor: string | null;
};
export const cycleStatus = defineQuery<CycleStatus>('cycleStatus');
