/**
 * Every state of an endpoint in a cycle and every way between them, as one table. What moves an endpoint asks this
 * table; the diagram in docs/endpoint-saga.md is made from it (`npm run diagram`).
 */

/** What is done to an endpoint in flight, in order, each in the words that Temporal's UI shows meanwhile. */
export const stageWords = {
  observing: 'looks at the endpoint before anything is done',
  fetching: 'fetches the packages',
  snapshotting: 'takes a snapshot and verifies it',
  installing: 'installs',
  'bringing into effect': 'brings it into effect: a reboot where one is due, else restarts',
  proving: 'proves that everything works',
  restoring: 'puts the endpoint back as it was',
} as const;
export type Stage = keyof typeof stageWords;
export const stages = Object.keys(stageWords) as readonly Stage[];

export const ends = [
  'patched',
  'unchanged',
  'rolled_back',
  'quarantined',
  'skipped',
  'superseded',
] as const satisfies readonly EndpointOutcome[];

/** As it is on record: of an endpoint in flight the stage is its workflow's to know. */
export type EndpointState =
  | 'planned'
  | 'waiting'
  | 'admitted'
  | 'in flight'
  | 'rolling back'
  | 'unknown'
  | EndpointOutcome;

export type SagaState = Exclude<EndpointState, 'in flight'> | Stage;

export type Transition = { readonly from: SagaState; readonly to: SagaState; readonly when: string };

export const firstState: SagaState = 'planned';

/** Of an endpoint on which no work has begun. */
export const notBegun = ['planned', 'admitted', 'waiting'] as const satisfies readonly EndpointState[];
/** Of these, those that are not about to be started either. */
export const notAdmitted = ['planned', 'waiting'] as const satisfies readonly EndpointState[];

const turn: readonly Transition[] = [
  { from: 'planned', to: 'admitted', when: 'it is online, its window has time left, its site bears it, nobody halts' },
  { from: 'planned', to: 'waiting', when: 'one of these is missing' },
  { from: 'planned', to: 'unchanged', when: 'nothing was due' },
  { from: 'planned', to: 'skipped', when: 'the cycle ends before its turn, or a person skips it' },
  { from: 'planned', to: 'superseded', when: 'a newer cycle has it' },
  { from: 'waiting', to: 'admitted', when: 'its turn has come' },
  { from: 'waiting', to: 'unchanged', when: 'nothing was due' },
  { from: 'waiting', to: 'skipped', when: 'the cycle ends before its turn, or a person skips it' },
  { from: 'waiting', to: 'superseded', when: 'a newer cycle has it' },
  { from: 'admitted', to: 'observing', when: 'its workflow holds its lock' },
  { from: 'admitted', to: 'waiting', when: 'somebody else holds its lock, or the cycle was cancelled' },
  { from: 'admitted', to: 'unchanged', when: 'nothing was due' },
  { from: 'admitted', to: 'skipped', when: 'the cycle ends before it begins' },
  { from: 'admitted', to: 'superseded', when: 'a newer cycle has it' },
  { from: 'admitted', to: 'quarantined', when: 'nobody holds it, and its agent knows of an install' },
];

const work: readonly Transition[] = [
  { from: 'observing', to: 'fetching', when: 'what is true before is known' },
  { from: 'observing', to: 'waiting', when: 'its agent does not answer' },
  { from: 'observing', to: 'unchanged', when: 'nothing was due' },
  { from: 'observing', to: 'skipped', when: 'its patches were taken out, or are not those on record' },
  { from: 'fetching', to: 'snapshotting', when: 'everything is there that the install and the rollback need' },
  { from: 'fetching', to: 'skipped', when: 'something cannot be fetched, or the cycle was cancelled' },
  { from: 'fetching', to: 'waiting', when: 'halted: nothing was submitted' },
  { from: 'snapshotting', to: 'installing', when: 'the snapshot is verified or waived, and it may still start' },
  { from: 'snapshotting', to: 'waiting', when: 'it may not start any more, for the window or a halt' },
  { from: 'snapshotting', to: 'skipped', when: 'there is no usable snapshot, or the cycle was cancelled' },
  { from: 'installing', to: 'bringing into effect', when: 'the install has ended, however it ended' },
  { from: 'installing', to: 'waiting', when: 'halted: nothing was submitted' },
  { from: 'bringing into effect', to: 'proving', when: 'it answers' },
  { from: 'bringing into effect', to: 'restoring', when: 'it does not answer' },
  { from: 'proving', to: 'patched', when: 'proven' },
  { from: 'proving', to: 'skipped', when: 'the install failed, and it is as it was' },
  { from: 'proving', to: 'restoring', when: 'not proven' },
  { from: 'proving', to: 'quarantined', when: 'it is neither patched nor as it was, and not by us' },
  { from: 'restoring', to: 'rolled_back', when: 'it is proven to be as it was' },
  { from: 'restoring', to: 'quarantined', when: 'it cannot be rolled back, or that is not proven' },
];

const doubt: readonly Transition[] = [
  ...(['admitted', ...stages, 'rolling back'] as const).map((from): Transition => ({
    from,
    to: 'unknown',
    when: 'its workflow ended without saying how',
  })),
  { from: 'unknown', to: 'proving', when: 'the reconciler looks at it' },
  { from: 'unknown', to: 'patched', when: 'the reconciler finds it proven' },
  { from: 'unknown', to: 'skipped', when: 'the reconciler finds it as it was' },
  { from: 'unknown', to: 'rolled_back', when: 'the reconciler has put it back' },
  { from: 'unknown', to: 'quarantined', when: 'the reconciler finds neither' },
];

/** An end can be left in two ways. One: a person orders a rollback. */
const byOrder: readonly Transition[] = [
  { from: 'patched', to: 'rolling back', when: 'a person orders it' },
  { from: 'rolling back', to: 'rolled_back', when: 'it is proven to be as it was' },
  { from: 'rolling back', to: 'patched', when: 'there is no way to roll back, and nothing was done' },
  { from: 'rolling back', to: 'quarantined', when: 'it cannot be rolled back, or that is not proven' },
];

/** The other: a successor, a record without the bad patch, gives the endpoint the rest. */
const successor: readonly Transition[] = [
  { from: 'waiting', to: 'planned', when: 'a successor of its record has it' },
  { from: 'skipped', to: 'planned', when: 'a successor of its record gives it the patches that are left' },
  { from: 'rolled_back', to: 'planned', when: 'a successor of its record gives it the patches that are left' },
  ...(['planned', 'waiting', 'admitted'] as const).map((from): Transition => ({
    from,
    to: 'rolled_back',
    when: 'it had been rolled back before, and its successor ends before its turn',
  })),
];

export const transitions: readonly Transition[] = [...turn, ...work, ...doubt, ...byOrder, ...successor];

/** Why a way is not in the table, in a sentence; null when it is. Staying where one is is no way. */
export function refusalOfStep(from: SagaState, to: SagaState): string | null {
  const known = from === to || transitions.some((each) => each.from === from && each.to === to);
  return known ? null : noWay(from, to);
}

/** The same for what is on record, where every stage is `in flight`. */
export function refusalOfMove(from: EndpointState, to: EndpointState): string | null {
  const known = from === to || transitions.some((each) => recordedAs(each.from) === from && recordedAs(each.to) === to);
  return known ? null : noWay(from, to);
}

export function isEnd(state: SagaState | EndpointState): state is EndpointOutcome {
  return (ends as readonly string[]).includes(state);
}

export function isStage(state: SagaState): state is Stage {
  return state in stageWords;
}

export function recordedAs(state: SagaState): EndpointState {
  return isStage(state) ? 'in flight' : state;
}

/** How a row stands. Throws on what no row may hold: an unreadable record moves nowhere. */
export function stateOf(row: { readonly state: string; readonly outcome: string | null }): EndpointState {
  const found = row.state === 'ended' ? row.outcome : row.state;
  const known = transitions.flatMap(({ from, to }) => [recordedAs(from), recordedAs(to)]);
  const state = known.find((each) => each === found && isEnd(each) === (row.state === 'ended'));
  if (state) return state;
  throw new Error(`An endpoint cannot be ${row.state} with the outcome ${row.outcome ?? 'none'}; look at its row.`);
}

/** What a row holds for it. */
export function columnsOf(state: EndpointState): { readonly state: string; readonly outcome: EndpointOutcome | null } {
  if (isEnd(state)) return { state: 'ended', outcome: state };
  // Patched until the opposite is proven.
  return { state, outcome: state === 'rolling back' ? 'patched' : null };
}

/** What rows hold that are moved all at once. Throws, in a sentence, when one of the ways is not in the table. */
export function columnsAfter(from: readonly EndpointState[], to: EndpointState): ReturnType<typeof columnsOf> {
  const refused = from.map((each) => refusalOfMove(each, to)).find((because) => because !== null);
  if (refused) throw new Error(refused);
  return columnsOf(to);
}

function noWay(from: string, to: string): string {
  return `An endpoint that is ${stateInWords(from)} cannot become ${stateInWords(to)}: that is not in the saga's table.`;
}

/**
 * What a cycle's report says of one endpoint, in the sandbox and at its site. Names of endpoints are unique within a
 * client.
 */

export type EndpointOutcome = 'patched' | 'unchanged' | 'rolled_back' | 'quarantined' | 'skipped' | 'superseded';

/** `budget`: its site bears no more now. `ring`: the ring before its own is held or halted, or has not ended. */
export type WaitingFor = 'offline' | 'window' | 'budget' | 'reboot' | 'approval' | 'ring';

/** A state or an outcome as people read it: `rolled back`. */
export function stateInWords(state: string): string {
  return state.replaceAll('_', ' ');
}
