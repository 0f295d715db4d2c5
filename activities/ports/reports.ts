import type { CycleFacts } from '../../domain/cycle-facts.ts';

/** Where reports are written for people to read. Writing a cycle's report again replaces it. */
export interface ReportShelf {
  /** The absolute paths of what was written. */
  write(facts: CycleFacts): Promise<readonly string[]>;
}
