/** What a scenario came to, wherever it was played, as far as it does not hang on the clock. */
import type { WorkflowState } from '../harness/interface.ts';
import type { Asked } from '../harness/real-server.ts';
import type { Row } from '../world/record.ts';
import type { World } from '../world/world.ts';

export type Played = {
  /** How each workflow ended, with its result or failure, and what it asked of the server, by its id. */
  readonly workflows: Readonly<Record<string, { readonly state: unknown; readonly asked: readonly string[] }>>;
  /** How each endpoint stands in each cycle. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** What each gate said. */
  readonly gates: Readonly<Record<string, string>>;
};

const instant = /\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z?/g;
const span = /\b\d+(\.\d+)? (milliseconds?|seconds?|minutes?|hours?|s|min|ms)\b/g;

/** @param asked what each workflow asked the server for, in order */
export function playedIn(
  { database }: World,
  asked: ReadonlyMap<string, readonly Asked[]>,
  stateOf: (workflowId: string) => WorkflowState | undefined,
): Played {
  return {
    workflows: Object.fromEntries(
      [...asked].map(([id, whatFor]) => [id, { state: timeless(stateOf(id)), asked: once(whatFor) }]),
    ),
    endpoints: Object.fromEntries(
      database
        .rows('CycleEndpoint')
        .map((row): [string, string] => [words(row, 'cycleId', 'endpointId'), rowInWords(row)]),
    ),
    gates: Object.fromEntries(
      database
        .rows('GateVerdict')
        .map((row): [string, string] => [words(row, 'cycleId', 'ring'), String(row['verdict'])]),
    ),
  };
}

/** Asked for where an operation takes longer than its permit lasts. */
const followsUp = 'followOperation';

/**
 * Activities in the order of the first time, then children: how often something was asked for again is a matter of the
 * clock, and which of several children comes first is one of who answered first.
 */
function once(asked: readonly Asked[]): readonly string[] {
  const activities = asked.flatMap(({ activity }) =>
    activity === undefined || activity === followsUp ? [] : [activity],
  );
  const children = asked.flatMap(({ child }) => child ?? []);
  return [...new Set(activities), ...new Set(children.toSorted())];
}

function rowInWords(row: Row): string {
  return words(row, 'ring', 'state', 'outcome', 'waitingFor');
}

function words(row: Row, ...columns: readonly string[]): string {
  return columns.map((column) => String(row[column])).join(' ');
}

/** Without instants, without how long something took, and without the order in which a sentence counts things up. */
function timeless(state: WorkflowState | undefined): unknown {
  return JSON.parse(
    JSON.stringify(state ?? null, (_, value: unknown) => (typeof value === 'string' ? timelessWords(value) : value)),
  );
}

function timelessWords(sentence: string): string {
  const parts = sentence
    .replaceAll(instant, 'then')
    .replaceAll(span, 'a while')
    .split(/[:,;] /);
  return parts.toSorted().join(', ');
}
