/** What a rule is to the checker: something that watches the record go by, counts where it applied, and says what broke it. */
import type { Recorded } from '../world/record.ts';
import type { Board } from './board.ts';

/** A number of the design's; what is promised besides has a name. */
export type Rule =
  | (1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16 | 17 | 20)
  | ('emergency first' | 'last way back' | 'new canaries');

export type Violation = { readonly rule: Rule; readonly at: number; readonly sentence: string };

/** How a rule tells what it found. */
export type Judgement = {
  /** The rule applied to something, and it held. */
  readonly counts: (rule: Rule) => void;
  readonly violated: (rule: Rule, at: number, sentence: string) => void;
  /** Counts, and is violated unless it holds. */
  readonly must: (rule: Rule, at: number, holds: boolean, sentence: () => string) => void;
};

/** Watches one record. `board` has taken the fact in already. */
export type Watch = {
  sees(fact: Recorded, board: Board): void;
  /** Nothing more will come; `running` are the workflows that had not ended. */
  ends?(board: Board, endedAt: number, running: readonly string[]): void;
};

export type Rules = (judgement: Judgement) => Watch;

export function iso(at: number): string {
  return new Date(at).toISOString();
}

export function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
