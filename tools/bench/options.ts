import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';

export type Options = {
  readonly runs: number;
  /** A few packages instead of all security updates; empty for all. */
  readonly only: readonly string[];
  /** Absolute. */
  readonly state: string;
  readonly keep: boolean;
};

/** What the command line says. Ends the process with a sentence where it says something else. */
export function readOptions(): Options {
  return new Command('bench:endpoints')
    .option('--runs <count>', 'pairs of runs that count', wholeNumber, 5)
    .option('--only <packages>', 'a few packages instead of all security updates, by commas', names, [])
    .option(
      '--state <dir>',
      'where everything is kept while it runs',
      (path) => resolve(path),
      resolve('.patchcycle/bench'),
    )
    .option('--keep', 'leave everything running at the end, to look at', false)
    .parse()
    .opts<Options>();
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('Must be a whole number of at least 1.');
}

function names(text: string): readonly string[] {
  return text.split(',').filter(Boolean);
}
