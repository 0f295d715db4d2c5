/** The details of a cycle, for the operator and the auditor. */
import type { CycleFacts, PatchSetEntry } from '../domain/reports/cycle-facts.ts';
import { groupLines, isOverdue, patchLines } from '../domain/reports/figures.ts';
import type { PatchLine } from '../domain/reports/figures.ts';
import type { SandboxTest } from '../domain/reports/endpoint-facts.ts';
import { listed } from '../domain/words.ts';
import { auditSection, discoverySection, ordersSection, reviewSection, stepsSection } from './follow-up-sections.ts';
import { html } from './markup.ts';
import type { Markup } from './markup.ts';
import { checksTable, definitions, endpointState, reasons, state, table, unbroken } from './parts.ts';
import type { Tone } from './parts.ts';
import {
  bootInWords,
  count,
  dayInWords,
  decisionWords,
  durationInWords,
  instantInWords,
  versionsInWords,
} from './words.ts';
import type { PatchDecision } from '../domain/patches/decision.ts';

const decisionTones: Readonly<Record<PatchDecision, Tone>> = {
  approved: 'good',
  declined: 'calm',
  excepted: 'calm',
  waiting: 'calm',
  dropped: 'warn',
};

export function detailSections(facts: CycleFacts): Markup {
  return html`<div class="details">
    ${endpointsSection(facts)}${patchSetSection(facts)}${testingSection(facts)}${changeRecordSection(facts)}${gatesSection(facts)}${ordersSection(facts)}${auditSection(facts)}${reviewSection(facts)}${discoverySection(facts)}${stepsSection(facts)}
  </div> `;
}

function endpointsSection(facts: CycleFacts): Markup {
  const lines = groupLines(patchLines(facts), (line) => line.endpoint);
  return html`<h2>Endpoints</h2>
    ${table(
      ['Endpoint', 'State', 'Patches done', 'Why'],
      facts.endpoints.map((endpoint) => [
        html`<b>${unbroken(endpoint.endpoint)}</b>
          <p class="small soft">${endpoint.site}, ${endpoint.segment}</p>
          <p class="small soft">${endpoint.ring === null ? 'in no ring' : `ring ${endpoint.ring}`}</p>`,
        endpointState(endpoint),
        doneOf(lines.get(endpoint)),
        reasons(endpoint.because),
      ]),
    )}`;
}

function patchSetSection(facts: CycleFacts): Markup {
  const lines = groupLines(patchLines(facts), (line) => line.entry);
  return html`<h2>Patches</h2>
    <p class="soft">
      Every update that was offered, whatever was decided. Due dates run from publication; nothing stops them.
    </p>
    ${table(
      ['Package', 'Dates', 'Decision', 'Done', 'Why'],
      facts.patchSet.map((entry) => [
        html`<b>${unbroken(entry.package)}</b>
          <p class="small soft">${entry.to}</p>
          <p class="small soft">${entry.class}, severity ${entry.severity}</p>`,
        html`<p>
            ${unbroken(entry.publishedAt === null ? 'date unknown' : `published ${dayInWords(entry.publishedAt)}`)}
          </p>
          ${due(entry, lines.get(entry) ?? [], facts.factsReadAt)}`,
        state(decisionTones[entry.decision], decisionWords[entry.decision]),
        doneOf(lines.get(entry)),
        html`${reasons(entry.because)}${vulnerabilities(entry)}`,
      ]),
    )}`;
}

function doneOf(lines: readonly PatchLine[] = []): Markup {
  return unbroken(`${lines.filter((line) => line.result === 'patched').length} of ${lines.length}`);
}

function due(entry: PatchSetEntry, lines: readonly PatchLine[], now: string): Markup {
  if (entry.dueAt === null) return html`<p class="soft">no due date</p>`;
  const overdue = lines.some((line) => isOverdue(line, now));
  return html`<p>${unbroken(`due ${dayInWords(entry.dueAt)}`)}</p>
    ${overdue ? html`<p>${state('bad', 'overdue')}</p>` : null}`;
}

function vulnerabilities(entry: PatchSetEntry): Markup {
  return html`${entry.exploited.map(
    (one) =>
      html`<p>
        ${state('bad', 'known to be exploited')} ${one.cve}: ${one.name}
        (${one.source}${one.plantedBy === null ? '' : `, planted by ${one.plantedBy}`})
      </p>`,
  )}${entry.cves.length === 0 ? null : html`<p class="small soft">${entry.cves.map((cve) => html`${unbroken(cve)} `)}</p>`}`;
}

function testingSection(facts: CycleFacts): Markup {
  return html`<h2>Tests on clones</h2>
    ${facts.segments.map(
      ({ segment, endpoints, because, test }) =>
        html`<h3>${segment}</h3>
          <p class="small">${because}. ${count(endpoints.length, 'endpoint')}: ${listed(endpoints, 30)}.</p>
          ${test === null ? html`<p class="soft">No clone of this segment was tested.</p> ` : sandbox(test)}`,
    )}`;
}

function sandbox(test: SandboxTest): Markup {
  return html`${definitions([
    ['Verdict', html`${state(test.verdict === 'passed' ? 'good' : 'bad', test.verdict)} ${test.because.join('; ')}`],
    ['Clone of', `${test.representative} (${test.sandboxId}), ${durationInWords(test.startedAt, test.endedAt)}`],
    ['Boot', bootInWords(test.bootIdBefore, test.bootIdAfter)],
    ['Taken out', test.dropped.length === 0 ? 'nothing' : test.dropped.join(', ')],
  ])}${table(
    ['Package', 'Versions', 'Result', 'Why'],
    test.patches.map((patch) => [
      patch.package,
      versionsInWords(patch),
      state(patch.proven ? 'good' : 'bad', patch.proven ? 'proven' : 'not proven'),
      patch.because,
    ]),
  )}${checksTable(test.checks)}`;
}

function changeRecordSection({ changeRecord }: CycleFacts): Markup {
  if (changeRecord === null)
    return html`<h2>Change record</h2>
      <p class="soft">None was made.</p> `;
  const { approval, parent } = changeRecord;
  return html`<h2>Change record</h2>
    ${definitions([
      ['Record', `${changeRecord.changeRecordId}, made ${instantInWords(changeRecord.madeAt)}`],
      ['SHA-256', html`<code>${changeRecord.digest}</code>`],
      ...(parent ? [['Follows', `${parent.changeRecordId}: ${parent.because}`] as const] : []),
      ['Approval', `${approval.state}: ${approval.because}`],
      ...approval.words.map(({ who, why, at }) => ['Approved by', `${who}, ${instantInWords(at)}: ${why}`] as const),
      ...changeRecord.rings.map(
        ({ ring, endpoints }, index) => [`Ring ${index + 1}, ${ring}`, listed(endpoints, 100) || 'empty'] as const,
      ),
    ])}`;
}

function gatesSection(facts: CycleFacts): Markup {
  if (facts.gates.length === 0) return html``;
  const tones: Readonly<Record<string, Tone>> = { advance: 'good', hold: 'wait', halt: 'bad' };
  return html`<h2>Gates between rings</h2>
    ${table(
      ['Ring', 'Verdict', 'Verified', 'Failed', 'Unknown', 'Not ended', 'Soak', 'Why'],
      facts.gates.map(({ ring, verdict, numbers, because, decidedAt }) => [
        ring,
        html`${state(tones[verdict] ?? 'wait', verdict)}
          <p class="small soft">${instantInWords(decidedAt)}</p>`,
        `${numbers.verified} of ${numbers.endpoints}, at least ${numbers.verifiedAtLeast}`,
        `${numbers.failed}, at most ${numbers.failuresAtMost}${numbers.failurePercentAtMost === null ? '' : ` or ${numbers.failurePercentAtMost}%`}`,
        numbers.unknown,
        numbers.notEnded,
        `${Math.round(numbers.soakMinutes * 10) / 10} min`,
        reasons(because),
      ]),
    )}`;
}
