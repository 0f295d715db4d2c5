import type { CycleInput, CycleSummary } from '../domain/rollout/cycle.ts';
import { patchCycle } from './patch-cycle.ts';

/**
 * An emergency walks the same ten steps, under the client's emergency policy and for what one advisory needs alone:
 * the order says so (`kind`, `advisory`), and the decisions follow it. Its id, emergency/CLIENT/ADVISORY, makes starting
 * it twice the same as starting it once.
 */
export function emergencyPatch(input: CycleInput): Promise<CycleSummary> {
  return patchCycle(input);
}
