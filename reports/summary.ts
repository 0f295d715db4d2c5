import type { CycleFacts } from '../domain/reports/cycle-facts.ts';
import {
  headline,
  whatIsNotCovered,
  whatIsOverdue,
  whatWasFound,
  whatWasNotPatched,
  whatWasPatched,
  endpointsThatNeedAPerson,
} from './sentences.ts';
import { firstOf, instantInWords } from './words.ts';

/** Lines for each part of the summary. */
const linesShownAtMost = 20;

/** The cycle in words for a terminal, one line each; lines of a part are indented under its name. */
export function summaryInWords(facts: CycleFacts): string[] {
  const overdue = whatIsOverdue(facts);
  return [
    `${facts.client.name}: ${facts.kind} cycle ${facts.cycleId}, policy ${facts.policy.name} version ${facts.policy.version}, ${facts.state}, started ${instantInWords(facts.startedAt)}.`,
    headline(facts),
    ...(overdue === null ? [] : [overdue]),
    ...part('Needs a person', firstOf(endpointsThatNeedAPerson(facts), linesShownAtMost, inTheReport)),
    ...part('Found', whatWasFound(facts)),
    ...part('Patched', whatWasPatched(facts)),
    ...part(
      'Not patched',
      firstOf(
        whatWasNotPatched(facts).map(({ subject, state, because }) => `${subject}, ${state}: ${because}.`),
        linesShownAtMost,
        inTheReport,
      ),
    ),
    ...part('Not covered', whatIsNotCovered(facts)),
    ...part(
      'To do',
      firstOf(
        facts.review.suggestions.map(({ suggestion, because }) => `${suggestion}: ${because}.`),
        linesShownAtMost,
        inTheReport,
      ),
    ),
  ];
}

function inTheReport(rest: number): string {
  return `and ${rest} more, all in the report`;
}

function part(name: string, sentences: readonly string[]): string[] {
  return sentences.length === 0 ? [] : [`${name}:`, ...sentences.map((sentence) => `  ${sentence}`)];
}
