import type { ReportStore } from '../activities/ports/reports.ts';
import { reportFiles } from '../reports/files.ts';
import { writeFiles } from '../system/whole-files.ts';

/** Keeps reports in a folder, each below the id of its cycle. */
export function reportFolder(folder: string): ReportStore {
  return { write: (facts) => writeFiles(folder, reportFiles(facts)) };
}
