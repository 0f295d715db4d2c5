/**
 * Everything a running cycle can be told or asked. Orders that can be refused are updates: each carries who gives it
 * and why, in one object, as Temporal's UI sends it. A signal says only that something may have changed.
 */
import type { UpdateDefinition } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { SignOff } from '../domain/rollout/cycle.ts';
import type { NamedTarget } from '../domain/rollout/halt.ts';
import type { Step } from '../domain/rollout/steps.ts';

/** An order about a cycle, or about the one part of it that is named. */
export type PartOrder = SignOff & NamedTarget;

/** An update that takes one order, whatever it answers. */
export type OrderOf<Order> = UpdateDefinition<unknown, [Order]>;

export const approve = defineUpdate<void, [SignOff]>('approve');
export const halt = defineUpdate<void, [PartOrder]>('halt');
/** Releases the halt of exactly what is named. */
export const resume = defineUpdate<void, [PartOrder]>('resume');
export const skip = defineUpdate<void, [PartOrder]>('skip');
/** Answers the id of the workflow that carries it out. */
export const rollBack = defineUpdate<string, [PartOrder]>('rollBack');
/** Advances a held gate; a halted one only after its patches at fault were released. */
export const advance = defineUpdate<void, [SignOff]>('advance');
/** Lets the good patches of a halted record go on as a successor, without those at fault. */
export const continueCycle = defineUpdate<void, [SignOff]>('continueCycle');
export const openWindow = defineUpdate<void, [SignOff & { readonly minutes: number; readonly site?: string }]>(
  'openWindow',
);

/**
 * Tells a cycle, a ring or a rollback that something it waits for may have changed: a window opened, an order given.
 */
export const lookAgain = defineSignal('lookAgain');

/** A ring tells its cycle that a halt holds it, so that the cycle can say what it waits for. */
export const ringHalted = defineSignal('ringHalted');

export type CycleStatus = {
  readonly step: Step | 'ended';
  readonly doing: string;
  /** What a person or the clock has to do before it goes on; null when it works. */
  readonly waitsFor: string | null;
};
export const cycleStatus = defineQuery<CycleStatus>('cycleStatus');
