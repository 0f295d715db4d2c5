/** Words that docs/glossary.md drops, where a test can tell them from others; each with what is said instead. */
export type DroppedWord = {
  readonly word: string;
  /** As a part of a name in code: `Standing` in `WorkflowStanding`. Null where names cannot be told apart. */
  readonly inNames: RegExp | null;
  /** In comments, sentences and documents. Null where prose cannot be told apart. */
  readonly inProse: RegExp | null;
  readonly instead: string;
  /** Tests may name a local so: there is no second thing to take it for. */
  readonly freeInTests?: boolean;
  /** Files that say it for a reason of their own. */
  readonly butIn?: readonly string[];
};

/** A word at the beginning of a name, or with a capital inside it. */
function part(small: string): RegExp {
  const capital = `${small.charAt(0).toUpperCase()}${small.slice(1)}`;
  return new RegExp(`^(?:${small})(?![a-z])|(?:${capital})(?![a-z])`);
}

/** The saga's sentences stay as they are, in the table and where it is drawn. */
const saga = ['domain/endpoint-saga.ts', 'domain/endpoints/saga.ts', 'docs/endpoint-saga.md'];

export const droppedWords: readonly DroppedWord[] = [
  {
    word: 'standing',
    inNames: part('standings?'),
    inProse: /\bstandings?\b/i,
    instead: 'state, status, outcome, result or progress',
  },
  { word: 'desk', inNames: part('desk'), inProse: null, instead: 'handlers' },
  { word: 'door', inNames: part('door'), inProse: /\bdoors?\b/i, instead: 'connections, server or entry' },
  {
    word: 'tell, told',
    inNames: /^(?:tell|told|Told|tell[A-Z]\w*)$/,
    inProse: null,
    instead: 'send, delivery or result',
    freeInTests: true,
  },
  { word: 'nudge', inNames: part('nudges?'), inProse: /\bnudg(?:e|es|ed)\b/i, instead: 'signal' },
  {
    word: 'shelf',
    inNames: /[Ss]hel(?:f|ves)/,
    inProse: /\bshel(?:f|ves)\b/i,
    instead: 'a list, an inventory or a store',
  },
  {
    word: 'tidy',
    inNames: /[Tt]id(?:y|ied|ies)/,
    inProse: /\btid(?:y|ied|ies|ying)\b/i,
    instead: 'clean up',
    freeInTests: true,
  },
  { word: 'left out, of a patch', inNames: /[Ll]eftOut/, inProse: null, instead: 'excluded' },
  {
    word: 'left',
    inNames: /Left(?:Cycle|RollBack|Straggler|Work)|^leftAtMost$|^nobodyLeft$|^leftBootId$/,
    inProse: null,
    instead: 'orphaned or remaining',
  },
  { word: 'leave', inNames: /^leave(?:Rings|Out|Everything|Unknown)$/, inProse: null, instead: 'abandon, omit or end' },
  {
    word: 'put back',
    inNames: /[Pp]utBack|^Putback$/,
    inProse: /\b(?:put|puts|putting) back\b|\bputs? (?:the|an|its) \w+ back\b/i,
    instead: 'roll back; restore, for a snapshot',
    butIn: saga,
  },
  {
    word: 'go back, give back',
    inNames: /^(?:goBack|giveBack\w*|WentBack|GoingBack)$/,
    inProse: null,
    instead: 'roll back or withdraw',
    freeInTests: true,
  },
  {
    word: 'roll-back',
    inNames: /RollBack/,
    inProse: /\broll-backs?\b/i,
    instead: 'rollback, the noun; roll back, the verb',
  },
  { word: 'go on', inNames: /^goOn$/, inProse: /\bgo-on\b/, instead: 'continue', freeInTests: true },
  {
    word: 'order, for an input',
    inNames: /^(?:Cycle|Endpoint|Ring|Survey|Sandbox|Operation|Orphan|Power|Start)Order$/,
    inProse: null,
    instead: 'input, request or action',
  },
  {
    word: 'word, for a sign-off',
    inNames: /^(?:PersonsWord|GateWord|PersonsOrder)$/,
    inProse: null,
    instead: 'sign-off',
  },
  {
    word: 'patience',
    inNames: /[Pp]atience/,
    inProse: null,
    instead: 'how long what is waited for, with its unit',
    freeInTests: true,
  },
  {
    word: 'names of time-out profiles that are riddles',
    inNames: /^(?:bookkeeping|patientQuestions|glances|vigils|followings)$/,
    inProse: /\b(?:vigils?|glances?)\b/i,
    instead: 'what the profile is for',
  },
  {
    word: 'account, for a report',
    inNames: /^(?:give|close)Account$|^accountActivities$/,
    inProse: null,
    instead: 'report or record',
  },
  { word: 'settle, for snapshots', inNames: /^settle(?:Snapshots|Sandboxes)$/, inProse: null, instead: 'reconcile' },
  {
    word: 'who, for endpoints',
    inNames: /^(?:whoAnswers|endWho\w+|whoNeedsAPerson)$/,
    inProse: /\bnobody more\b/i,
    instead: 'endpoints that …; no further endpoint',
  },
  {
    word: 'asked wrongly, nothing runs',
    inNames: /^(?:AskedWrongly|NothingRuns)$/,
    inProse: /\bAskedWrongly\b|\bNothingRuns\b/,
    instead: 'InvalidRequest, NotRunning',
  },
  { word: 'anew', inNames: part('anew'), inProse: /\banew\b/i, instead: 'again', freeInTests: true },
  { word: 'mend', inNames: part('mend(?:s|ed|ing)?'), inProse: /\bmend(?:s|ed|ing)?\b/i, instead: 'repair' },
];
