/** What the record refuses. Whoever asks it, an activity, a command or a test, is told in one sentence. */

/** In Temporal's UI the type of the failure. None of them gets better by asking again. */
export type RefusalCode =
  | 'OrderRefused'
  | 'TargetUnknown'
  | 'CycleUnknown'
  | 'PolicyUnknown'
  | 'RecordUnknown'
  | 'SuccessorUnknown'
  | 'IllegalMove'
  | 'EnrolmentRefused';

export class RecordRefusal extends Error {
  override readonly name = 'RecordRefusal';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, sentence: string) {
    super(sentence);
    this.code = code;
  }
}

/** The order makes no sense as things are. */
export function orderRefused(sentence: string): RecordRefusal {
  return new RecordRefusal('OrderRefused', sentence);
}

/** The order names what is not there. */
export function targetUnknown(sentence: string): RecordRefusal {
  return new RecordRefusal('TargetUnknown', sentence);
}
