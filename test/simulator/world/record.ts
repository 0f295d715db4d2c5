/** The append-only record: what truly happened on endpoints, what control put down, what people ordered. */
import type { OperationKind } from '../../../domain/endpoints/operation.ts';
import type { Patch } from '../../../domain/patch.ts';

/** What is true of a machine at an instant. */
export type Truth = {
  readonly bootId: string;
  readonly generation: number;
  readonly packages: Readonly<Record<string, string>>;
  readonly services: Readonly<Record<string, 'running' | 'stopped' | 'failed'>>;
  readonly audit: string;
  readonly rebootPending: boolean;
};

type OfEndpoint = { readonly endpointId: string };
type OfOperation = OfEndpoint & {
  readonly operationId: string;
  readonly kind: OperationKind;
  readonly generation: number;
};

export type Fact =
  /** An effect reached the agent: whether it took it, and what of its permit was seen. */
  | ({
      readonly fact: 'submitted';
      readonly permitIssuedAt: string;
      readonly answer: 'accepted' | 'known' | 'refused';
    } & OfOperation)
  /** In whose name the effect with this id is. Said by whoever makes the id, before it is submitted. */
  | ({
      readonly fact: 'purpose';
      readonly operationId: string;
      readonly cycleId: string;
      readonly step: string;
    } & OfEndpoint)
  | ({ readonly fact: 'effect begun'; readonly patches: readonly Patch[]; readonly truth: Truth } & OfOperation)
  | ({ readonly fact: 'effect ended'; readonly state: string; readonly truth: Truth } & OfOperation)
  | ({ readonly fact: 'observed'; readonly truth: Truth; readonly packages: readonly string[] } & OfEndpoint)
  | ({ readonly fact: 'snapshot taken'; readonly snapshotId: string } & OfEndpoint)
  | ({ readonly fact: 'snapshot verified'; readonly snapshotId: string; readonly usable: boolean } & OfEndpoint)
  | ({ readonly fact: 'snapshot deleted'; readonly snapshotId: string } & OfEndpoint)
  | ({ readonly fact: 'restored'; readonly snapshotId: string; readonly truth: Truth } & OfEndpoint)
  | ({ readonly fact: 'booted'; readonly bootId: string } & OfEndpoint)
  | ({ readonly fact: 'answers' | 'is silent' } & OfEndpoint)
  /** A row of the product's database, as committed. */
  | { readonly fact: 'row'; readonly model: string; readonly before: Row | null; readonly after: Row | null }
  | { readonly fact: 'ordered'; readonly order: string; readonly cycleId: string; readonly who: string }
  | {
      readonly fact: 'order answered';
      readonly order: string;
      readonly cycleId: string;
      readonly accepted: boolean;
      readonly because: string;
    }
  /** What has passed by the clock since then has not passed for what was on its way. */
  | { readonly fact: 'clock jumped'; readonly byMs: number }
  /** Something went wrong that was meant to. */
  | { readonly fact: 'fault'; readonly fault: string }
  /** An activity of the product broke: a failure that is none of its own. */
  | { readonly fact: 'broke'; readonly activity: string; readonly because: string };

export type Row = Readonly<Record<string, unknown>>;
export type Recorded = Fact & { readonly at: number };

/** How things are put on record: at the instant they happen. */
export type Recorder = (fact: Fact) => void;
