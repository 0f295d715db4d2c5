import type { CycleFacts } from '../domain/reports/cycle-facts.ts';
import { endpointSections } from './endpoint-sections.ts';
import { html, toText } from './markup.ts';
import type { Markup } from './markup.ts';
import { bullets, endpointBar, state } from './parts.ts';
import { detailSections } from './sections.ts';
import {
  headline,
  isComplete,
  whatIsNotCovered,
  whatIsOverdue,
  whatWasFound,
  whatWasNotPatched,
  whatWasPatched,
} from './sentences.ts';
import { style } from './style.ts';
import { count, durationInWords, firstOf, instantInWords } from './words.ts';

/**
 * The cycle's report as one page without anything from elsewhere: what a client reads first, details after it.
 * Every value is escaped; the page's own policy lets a browser run and load nothing.
 */
export function cycleReportHtml(facts: CycleFacts): string {
  return toText(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>Patch report: ${facts.client.name}, ${facts.cycleId}</title>
          <style>
            ${style}
          </style>
        </head>
        <body>
          <main>${firstPage(facts)}${detailSections(facts)}${endpointSections(facts)}</main>
          <footer>
            <p>
              Patchcycle, ${facts.cycleId}, read ${instantInWords(facts.factsReadAt)}. All times are UTC. Waiting,
              declined and excepted patches are counted and are never counted as done.
            </p>
          </footer>
        </body>
      </html> `,
  );
}

function firstPage(facts: CycleFacts): Markup {
  const overdue = whatIsOverdue(facts);
  const undone = whatWasNotPatched(facts).map(
    ({ subject, state: words, because }) => html`<b>${subject}</b>: ${words}. <span class="soft">${because}</span>`,
  );
  return html`<section class="first">
    <p class="kicker">${facts.kind === 'emergency' ? 'Emergency patch report' : 'Patch report'}</p>
    <h1>${facts.client.name}</h1>
    <p class="soft">
      ${period(facts)} · policy ${facts.policy.name}, version ${facts.policy.version} ·
      ${facts.reportOnly ? 'report only' : facts.state}
    </p>
    <div class="lead ${isComplete(facts) ? 'complete' : ''}">
      <p>${headline(facts)}</p>
      ${overdue === null ? null : html`<p class="overdue">${overdue}</p>`}
    </div>
    ${figures(facts)}${endpointBar(facts.figures)}
    <h3>What we found</h3>
    ${bullets(whatWasFound(facts))}
    <h3>What was patched, and how it was proved</h3>
    ${bullets(whatWasPatched(facts))}
    <h3>What was not patched, and why</h3>
    ${bullets(firstOf(undone, 20, (rest) => html`and ${rest} more: see Endpoints and Patches below`))}
    <h3>What this report does not cover</h3>
    ${bullets(whatIsNotCovered(facts))}
    <h3>What we suggest</h3>
    ${bullets(facts.review.suggestions.map(({ suggestion, because }) => html`${suggestion}. <span class="soft">${because}</span>`))}
  </section> `;
}

function period(facts: CycleFacts): string {
  if (facts.endedAt === null) return `${instantInWords(facts.startedAt)}, still running`;
  return `${instantInWords(facts.startedAt)}, ${durationInWords(facts.startedAt, facts.endedAt)}`;
}

function figures({
  figures: { endpoints, patches, cvesClosed, cvesOpen, exploitedCvesOpen, unmanaged },
}: CycleFacts): Markup {
  const tiles: readonly (readonly [string, string])[] = [
    [`${endpoints.patched} of ${endpoints.total}`, 'endpoints patched and proven'],
    [`${patches.patched} of ${patches.total}`, 'patches done, counted on each endpoint'],
    [`${cvesClosed} of ${cvesClosed + cvesOpen}`, 'CVEs closed on every endpoint where found'],
    [
      String(unmanaged),
      unmanaged === 1 ? 'address on the network that is not managed' : 'addresses on the network that are not managed',
    ],
  ];
  return html`<div class="figures">
      ${tiles.map(([number, words]) => html`<div class="figure"><b>${number}</b><span>${words}</span></div> `)}
    </div>
    ${exploitedCvesOpen === 0 ? null : html`<p>${state('bad', `${count(exploitedCvesOpen, 'CVE')} known to be exploited and open`)}</p> `}`;
}
