/** Small parts every section of the page is made of. */
import type { CycleFigures, PatchResult } from '../domain/reports/cycle-facts.ts';
import type { CheckComparison, EndpointFacts } from '../domain/reports/endpoint-facts.ts';
import { html } from './markup.ts';
import type { Markup } from './markup.ts';
import { describeState } from './words.ts';
import type { EndpointOutcome } from '../domain/endpoints/saga.ts';

/** How a state looks. Its words are always beside it: colour alone says nothing on paper. */
export type Tone = 'good' | 'calm' | 'warn' | 'bad' | 'wait';

type Cell = string | number | Markup;

const outcomeTones: Readonly<Record<EndpointOutcome, Tone>> = {
  patched: 'good',
  unchanged: 'calm',
  rolled_back: 'warn',
  quarantined: 'bad',
  skipped: 'warn',
  superseded: 'calm',
};

export const resultTones: Readonly<Record<PatchResult, Tone>> = {
  patched: 'good',
  waiting: 'wait',
  inProgress: 'wait',
  rolledBack: 'warn',
  failed: 'bad',
  skipped: 'warn',
  superseded: 'calm',
  notProven: 'bad',
  declined: 'calm',
  excepted: 'calm',
  notYetApproved: 'calm',
  dropped: 'warn',
};

export function state(tone: Tone, words: string): Markup {
  return html`<span class="state ${tone}">${words}</span>`;
}

export function endpointState(endpoint: EndpointFacts): Markup {
  return state(endpoint.outcome === null ? 'wait' : outcomeTones[endpoint.outcome], describeState(endpoint));
}

/** A name, a day or a count that reads badly in two lines; too long a one may break all the same. */
export function unbroken(words: string): Markup {
  return words.length > 24 ? html`${words}` : html`<span class="unbroken">${words}</span>`;
}

/** Nothing at all when there are no rows. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): Markup {
  if (rows.length === 0) return html``;
  return html`<table>
    <thead>
      <tr>
        ${heads.map((head) => html`<th scope="col">${head}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (cells) =>
          html`<tr>
            ${cells.map((cell) => html`<td>${cell}</td>`)}
          </tr> `,
      )}
    </tbody>
  </table> `;
}

export function bullets(items: readonly Cell[]): Markup {
  if (items.length === 0) return html`<p class="soft">None.</p> `;
  return html`<ul>
    ${items.map((item) => html`<li>${item}</li> `)}
  </ul> `;
}

export function definitions(pairs: readonly (readonly [string, Cell])[]): Markup {
  return html`<dl>
    ${pairs.map(
      ([term, words]) =>
        html`<dt>${term}</dt>
          <dd>${words}</dd> `,
    )}
  </dl> `;
}

/** Reasons as paragraphs, one each. */
export function reasons(because: readonly string[]): Markup {
  return html`${because.map((words) => html`<p>${words}</p>`)}`;
}

export function checksTable(checks: readonly CheckComparison[]): Markup {
  return table(
    ['Check', 'Before', 'After'],
    checks.map(({ check, before, after }) => [check, observed(before), observed(after)]),
  );
}

function observed(seen: CheckComparison['before']): Markup {
  if (seen === null) return html`<span class="soft">not made</span>`;
  return html`${state(seen.passed ? 'good' : 'bad', seen.passed ? 'passed' : 'failed')} ${seen.observed}`;
}

/** How all endpoints ended, as one bar with its legend. */
export function endpointBar({ endpoints }: CycleFigures): Markup {
  const shares: readonly (readonly [Tone, number, string])[] = [
    ['good', endpoints.patched, 'patched and proven'],
    ['calm', endpoints.unchanged + endpoints.superseded, 'nothing due or superseded'],
    ['warn', endpoints.rolled_back + endpoints.skipped, 'rolled back or skipped'],
    ['bad', endpoints.quarantined, 'quarantined'],
    ['wait', endpoints.waiting + endpoints.inProgress, 'waiting or in progress, not done'],
  ];
  const shown = shares.filter(([, number]) => number > 0);
  return html`<div class="bar" aria-hidden="true">
      ${shown.map(([tone, number]) => html`<i class="${tone}-fill" style="flex:${number}"></i>`)}
    </div>
    <ul class="legend">
      ${shown.map(([tone, number, words]) => html`<li><i class="${tone}-fill"></i>${number} ${words}</li>`)}
    </ul> `;
}
