import type { Reporter, TestModule } from 'vitest/node';

type Counts = { passed: number; failed: number; skipped: number };

/** Prints `N passed, N failed` as the very last line: CI reads that, and not vitest's own summary. */
export class ClosingLine implements Reporter {
  #counts: Counts = { passed: 0, failed: 0, skipped: 0 };

  onInit(): void {
    process.once('exit', (exitCode) => console.log(closingLine(this.#counts, exitCode)));
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    this.#counts = countResults(modules, errors);
  }
}

/** A run that fails before its first test, as when a server does not start, counts as one failed. */
function closingLine({ passed, failed, skipped }: Counts, exitCode: number): string {
  const atLeast = exitCode === 0 ? 0 : 1;
  return `\n${passed} passed, ${Math.max(failed, atLeast)} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}

/** An error outside a test, a file that cannot be loaded, and a test that never ended each count as one failed. */
function countResults(modules: readonly TestModule[], errors: readonly unknown[]): Counts {
  const counts: Counts = { passed: 0, failed: errors.length, skipped: 0 };
  for (const module of modules) {
    if (module.state() === 'failed' && module.errors().length > 0) counts.failed += 1;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      counts[state === 'pending' ? 'failed' : state] += 1;
    }
  }
  return counts;
}
