import type { CycleFacts } from '../../domain/reports/cycle-facts.ts';

/** Where reports are written for people to read. Writing a cycle's report again replaces it. */
export interface ReportStore {
  /** The absolute paths of what was written. */
  write(facts: CycleFacts): Promise<readonly string[]>;
}
