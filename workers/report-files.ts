import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ReportShelf } from '../activities/ports/reports.ts';
import { cycleReportHtml } from '../reports/cycle-report-html.ts';
import { cycleReportJson } from '../reports/cycle-report-json.ts';

/** The files of a cycle's report in a folder: `cycle/acme/servers/2026-11-22/report.html` and `.json`. */
export function reportPaths(folder: string, cycleId: string): { readonly html: string; readonly json: string } {
  return { html: join(folder, cycleId, 'report.html'), json: join(folder, cycleId, 'report.json') };
}

export function reportFiles(folder: string): ReportShelf {
  return {
    async write(facts) {
      const { html, json } = reportPaths(folder, facts.cycleId);
      await replace(html, cycleReportHtml(facts));
      await replace(json, cycleReportJson(facts));
      return [html, json];
    },
  };
}

/** A reader sees the report before or after, never half of it. */
async function replace(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // A name of its own: the same report may be written twice at once.
  const unfinished = `${path}.${randomUUID()}`;
  await writeFile(unfinished, content);
  await rename(unfinished, path);
}
