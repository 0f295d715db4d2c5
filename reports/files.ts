/** A cycle's report as files, by their names below the folder of reports. */
import type { CycleFacts } from '../domain/reports/cycle-facts.ts';
import { cycleReportHtml } from './cycle-report-html.ts';
import { cycleReportJson } from './cycle-report-json.ts';

export type ReportFile = { readonly name: string; readonly content: string };

/** `cycle/acme/servers/2026-11-22/report.html` and `.json`. */
export function reportNames(cycleId: string): { readonly html: string; readonly json: string } {
  return { html: `${cycleId}/report.html`, json: `${cycleId}/report.json` };
}

export function reportFiles(facts: CycleFacts): readonly ReportFile[] {
  const { html, json } = reportNames(facts.cycleId);
  return [
    { name: html, content: cycleReportHtml(facts) },
    { name: json, content: cycleReportJson(facts) },
  ];
}
