/** What the review of a cycle is about: support that ends, exceptions that end, rules that matched nothing. */
import type { WaitingFor } from '../endpoints/saga.ts';

/** Until when an operating system release gets security fixes. */
export type SupportEnd = {
  readonly os: { readonly id: string; readonly version: string };
  /** The vendor's own security support; null when no source knows the release. */
  readonly endsAt: string | null;
  /** Longer support by others or for money (Debian LTS, Ubuntu ESM); null when there is none or none is known. */
  readonly extendedEndsAt: string | null;
  readonly source: string;
};

/** What a person answers for until a day: an exception, a blocked or an allowed package. */
export type ExceptionFacts = {
  readonly kind: 'exception' | 'block' | 'allow';
  /** The package, CVE or endpoints, as the policy names them. */
  readonly subject: string;
  readonly because: string;
  readonly owner: string;
  /** Its last day, UTC: `2027-01-31`. */
  readonly until: string;
};

export type RuleFacts = {
  readonly kind: 'approve' | 'allow' | 'block' | 'exception' | 'segment' | 'policy' | 'ring' | 'check';
  /** As the policy writes it. */
  readonly rule: string;
  readonly matched: number;
};

export type ReviewFacts = {
  readonly endOfSupport: readonly {
    readonly endpoint: string;
    readonly os: string;
    readonly state: 'past' | 'extended only' | 'soon' | 'unknown';
    readonly endsAt: string | null;
    readonly because: string;
  }[];
  readonly expiredExceptions: readonly (ExceptionFacts & { readonly expiredDays: number })[];
  readonly matchedNothing: readonly RuleFacts[];
  readonly stillWaiting: readonly {
    readonly endpoint: string;
    readonly waitingFor: WaitingFor;
    readonly because: readonly string[];
  }[];
  readonly suggestions: readonly { readonly suggestion: string; readonly because: string }[];
};
