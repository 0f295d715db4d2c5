import type { CycleFacts } from '../domain/reports/cycle-facts.ts';

/** Changes when a reader of the JSON would have to change. */
export const cycleReportSchema = 'patchcycle/cycle-report/1';

/** The cycle's facts as JSON: keys sorted at every depth, so that the same facts are the same bytes. Ends with a new line. */
export function cycleReportJson(facts: CycleFacts): string {
  return `${JSON.stringify({ schema: cycleReportSchema, ...facts }, withSortedKeys, 2)}\n`;
}

function withSortedKeys(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
