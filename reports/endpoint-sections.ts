import type { CycleFacts } from '../domain/reports/cycle-facts.ts';
import { groupLines, patchLines } from '../domain/reports/figures.ts';
import type { PatchLine } from '../domain/reports/figures.ts';
import type { EndpointFacts, SnapshotFacts } from '../domain/reports/endpoint-facts.ts';
import { html } from './markup.ts';
import type { Markup } from './markup.ts';
import { checksTable, definitions, endpointState, resultTones, state, table, unbroken } from './parts.ts';
import { bootInWords, durationInWords, instantInWords, resultWords, versionsInWords } from './words.ts';

/** Every endpoint with its patches and the evidence. */
export function endpointSections(facts: CycleFacts): Markup {
  const lines = groupLines(patchLines(facts), (line) => line.endpoint);
  return html`<h2>Each endpoint</h2>
    ${facts.endpoints.map((endpoint) => endpointSection(endpoint, lines.get(endpoint) ?? []))}`;
}

function endpointSection(endpoint: EndpointFacts, lines: readonly PatchLine[]): Markup {
  return html`<section class="endpoint">
    <h3>${endpoint.endpoint} ${endpointState(endpoint)}</h3>
    ${definitions([
      ['Why', endpoint.because.join('; ') || 'no reason was recorded'],
      [
        'Where',
        `${endpoint.site}, segment ${endpoint.segment}, policy ${endpoint.policy}, ring ${endpoint.ring ?? 'none'}`,
      ],
      ['System', `${endpoint.os.id} ${endpoint.os.version}`],
      ['Agent', agent(endpoint)],
      ['Worked on', workedOn(endpoint)],
      ['Boot', bootInWords(endpoint.bootIdBefore, endpoint.bootIdAfter)],
      ['Snapshot', endpoint.snapshot === null ? 'none' : snapshot(endpoint.snapshot)],
    ])}${table(
      ['Package', 'Versions', 'State', 'Why'],
      lines.map(({ patch, result }) => [
        html`<b>${unbroken(patch.package)}</b>`,
        versionsInWords(patch),
        state(resultTones[result], resultWords[result]),
        patch.because,
      ]),
    )}${checksTable(endpoint.checks)}
  </section> `;
}

function agent({ agent }: EndpointFacts): string {
  if (agent === null) return 'has not answered in this cycle';
  const runtime = agent.runtimeVersion === null ? 'a Node that is not on record' : `Node ${agent.runtimeVersion}`;
  return `version ${agent.version} on ${runtime}`;
}

function workedOn({ startedAt, endedAt }: EndpointFacts): string {
  if (startedAt === null) return 'not touched';
  if (endedAt === null) return `since ${instantInWords(startedAt)}`;
  return `${instantInWords(startedAt)}, ${durationInWords(startedAt, endedAt)}`;
}

function snapshot(taken: SnapshotFacts): Markup {
  return html`${taken.snapshotId}, ${instantInWords(taken.takenAt)}
  ${taken.verified ? state('good', 'verified') : state('bad', 'not verified')}${
    taken.restoredAt === null ? null : `; rolled back to it ${instantInWords(taken.restoredAt)}`
  }${taken.evidenceOfFailedState === null ? null : `; what failed is kept in ${taken.evidenceOfFailedState}`}`;
}
