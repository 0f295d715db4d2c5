/** Writes docs/endpoint-saga.md from the table in domain/endpoints/saga.ts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type SagaState,
  type Transition,
  firstState,
  isEnd,
  isStage,
  stageWords,
  stages,
  transitions,
  stateInWords,
} from '../domain/endpoints/saga.ts';

export const sagaPath = join(import.meta.dirname, '..', 'docs', 'endpoint-saga.md');

/** The page as the table makes it. */
export function sagaPage(): string {
  return `# An endpoint in a cycle

Made by \`npm run diagram\` from [domain/endpoints/saga.ts](../domain/endpoints/saga.ts); a test fails when the two differ. What is not drawn here is refused, with a sentence.

\`\`\`mermaid
${diagram().join('\n')}
\`\`\`

## What is done in flight

${table(
  ['Stage', 'What it does'],
  stages.map((stage) => [stage, stageWords[stage]]),
)}

## Every way, and what causes it

${table(
  ['From', 'To', 'When'],
  transitions.map(({ from, to, when }) => [named(from), named(to), when]),
)}
`;
}

function diagram(): readonly string[] {
  const within = transitions.filter(({ from, to }) => isStage(from) && isStage(to));
  const lost = transitions.filter(({ from, to }) => isStage(from) && to === 'unknown');
  const others = transitions.filter((each) => !within.includes(each) && !lost.includes(each));
  const [losing] = lost;
  const states = [...new Set(transitions.flatMap(({ from, to }) => [from, to]))];
  return [
    'stateDiagram-v2',
    ...states.filter((state) => !isStage(state)).map((state) => `  state "${named(state)}" as ${idOf(state)}`),
    '  state "in flight" as in_flight {',
    ...stages.map((stage) => `    state "${stage}" as ${idOf(stage)}`),
    ...within.map((each) => `  ${arrow(each)}`),
    '  }',
    `  [*] --> ${idOf(firstState)}`,
    ...others.map(arrow),
    ...(losing ? [`  in_flight --> ${idOf(losing.to)}: ${losing.when}`] : []),
    ...states.filter(isEnd).map((end) => `  ${idOf(end)} --> [*]`),
  ];
}

function arrow({ from, to, when }: Transition): string {
  // A colon would end the label.
  return `  ${idOf(from)} --> ${idOf(to)}: ${when.replaceAll(':', ',')}`;
}

function idOf(state: SagaState): string {
  return state.replaceAll(' ', '_');
}

function named(state: SagaState): string {
  return stateInWords(state);
}

/** With its columns aligned, as the formatter wants them. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

if (process.argv[1] === import.meta.filename) {
  mkdirSync(dirname(sagaPath), { recursive: true });
  writeFileSync(sagaPath, sagaPage());
}
