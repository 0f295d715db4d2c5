/**
 * Patches that no endpoint is started with, though the cycle's record has them: an endpoint that carries one waits for
 * a successor.
 */
import { patchInWords, stoppedInWords } from './breaker.ts';
import type { PatchId } from '../patch.ts';

/** A patch that a person took out of one cycle, for good. */
export type SkippedPatch = PatchId & { readonly skippedBy: string; readonly reason: string };

export type ExcludedPatch = PatchId & {
  /** What took it out: the bad-patch breaker everywhere, a person's order in one cycle. */
  readonly rule: 'breaker' | 'skip';
  readonly because: string;
};

export function excludedByBreaker(patch: PatchId): ExcludedPatch {
  return { ...patch, rule: 'breaker', because: stoppedInWords(patch) };
}

export function excludedBySkip(patch: SkippedPatch): ExcludedPatch {
  return { ...patch, rule: 'skip', because: `${patchInWords(patch)} was ${skippedInWords(patch)}` };
}

/** `skipped by dana: the tills break`. */
export function skippedInWords({ skippedBy, reason }: Pick<SkippedPatch, 'skippedBy' | 'reason'>): string {
  return `skipped by ${skippedBy}: ${reason}`;
}

/**
 * Why an endpoint is not started whose set lost a patch: what remains is another set, which no endpoint has proven.
 * @param setSize how many patches it was to get
 */
export function excludedInWords(excluded: readonly ExcludedPatch[], setSize: number): readonly string[] {
  const because = [...new Set(excluded.map((patch) => patch.because))];
  if (excluded.length >= setSize) return because;
  return [...because, 'a set that loses a patch is not installed short: a successor carries the rest'];
}
