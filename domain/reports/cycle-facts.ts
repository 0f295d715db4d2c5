import type { KnownExploited } from '../patches/advisory.ts';
import type { AuditedPatch, Drift } from './audit.ts';
import type { CycleKind, CycleState, CycleTrigger } from '../rollout/cycle.ts';
import type { EndpointFacts, SandboxTest } from './endpoint-facts.ts';
import type { GateVerdict } from '../rollout/gate.ts';
import type { EndpointOutcome } from '../endpoints/saga.ts';
import type { PatchDecision } from '../patches/decision.ts';
import type { Step } from '../rollout/steps.ts';
import type { Severity, UpdateClass } from '../patches/classification.ts';
import type { SupportEnd, ExceptionFacts, RuleFacts, ReviewFacts } from './review-facts.ts';

export type { PatchDecision };

/**
 * Everything the report of one cycle says, in one plain record. It is read from what was recorded, never from what was
 * meant: it is filled with the recorded reasons, word for word. Names of endpoints are unique within a client.
 */
export type CycleFacts = {
  readonly client: { readonly clientId: string; readonly name: string };
  readonly cycleId: string;
  readonly kind: CycleKind;
  /** The policy's mode `report only`: nothing was to be changed. */
  readonly reportOnly: boolean;
  readonly trigger: TriggerFacts;
  readonly policy: { readonly name: string; readonly version: string };
  readonly state: CycleState;
  readonly startedAt: string;
  /** Null while the cycle runs. */
  readonly endedAt: string | null;
  /** When these facts were read; ends of support and exceptions are judged at this instant. */
  readonly factsReadAt: string;
  /** The ten steps in order; a step that was not reached is there too. */
  readonly steps: readonly StepFacts[];
  readonly sites: readonly SiteFacts[];
  readonly discovery: DiscoveryFacts;
  readonly segments: readonly SegmentFacts[];
  /** Every update that was found, whatever was decided about it: what is declined stays in the count. */
  readonly patchSet: readonly PatchSetEntry[];
  /** Null when the cycle ended before one was made, or only reports. */
  readonly changeRecord: ChangeRecordFacts | null;
  readonly gates: readonly GateFacts[];
  /** What people ordered: halts, releases, skips, rollbacks and the like. Approvals are with the change record. */
  readonly orders: readonly OrderFacts[];
  /** Every managed endpoint of the cycle's policy, reachable or not. */
  readonly endpoints: readonly EndpointFacts[];
  readonly audit: AuditFacts;
  /** One for each operating system release among the endpoints. */
  readonly supportEnds: readonly SupportEnd[];
  /** Of the policy, those that ran out too. */
  readonly exceptions: readonly ExceptionFacts[];
  /** Every rule of the policy and how many it matched. */
  readonly rules: readonly RuleFacts[];
  /** What the cycle did not look at or could not know, one sentence each. */
  readonly notCovered: readonly string[];
  /** Made by `reviewCycle`. */
  readonly review: ReviewFacts;
  /** Made by `countFigures`. */
  readonly figures: CycleFigures;
};

/** What has been recorded, before it is reviewed and counted. */
export type RecordedFacts = Omit<CycleFacts, 'review' | 'figures'>;

export type TriggerFacts = {
  readonly kind: CycleTrigger;
  /** The person, or the schedule's id. */
  readonly by: string;
  readonly because: string;
  /** What an emergency is for: a CVE or another advisory id. */
  readonly advisory: string | null;
};

export type StepFacts = {
  readonly step: Step;
  readonly state: 'not reached' | 'running' | 'done' | 'failed' | 'left out';
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** One sentence: what came of it, or why it was left out. */
  readonly because: string;
};

export type SiteFacts = {
  readonly site: string;
  /** IANA. */
  readonly timeZone: string;
  readonly networks: readonly string[];
  /** The window of this cycle at this site, in words; null when the policy has none. */
  readonly window: string | null;
};

export type DiscoveryFacts = {
  /** Endpoints that answered. */
  readonly managed: readonly { readonly endpoint: string; readonly site: string; readonly inventoriedAt: string }[];
  /** Endpoints that are enrolled and did not answer. */
  readonly silent: readonly {
    readonly endpoint: string;
    readonly site: string;
    /** Null when it was never seen. */
    readonly lastSeenAt: string | null;
    readonly because: string;
  }[];
  /** What answered on a site's network and is no endpoint of the client. */
  readonly unmanaged: readonly {
    readonly site: string;
    readonly address: string;
    readonly macAddress: string | null;
    readonly seenAt: string;
  }[];
  /** Only those that are on. */
  readonly otherUpdaters: readonly { readonly endpoint: string; readonly updater: string }[];
};

export type SegmentFacts = {
  readonly segment: string;
  readonly endpoints: readonly string[];
  readonly because: string;
  /** Null when the segment was not tested; `because` of the testing step says why. */
  readonly test: SandboxTest | null;
};

export type PatchSetEntry = {
  readonly package: string;
  readonly to: string;
  readonly source: string;
  readonly class: UpdateClass;
  readonly severity: Severity;
  readonly cves: readonly string[];
  /** Those of `cves` that are in the catalogue of known exploited vulnerabilities. */
  readonly exploited: readonly KnownExploited[];
  readonly publishedAt: string | null;
  /** The earliest due date of its findings. */
  readonly dueAt: string | null;
  /** An endpoint's own decision may differ: an exception can be for some endpoints only. */
  readonly decision: PatchDecision;
  readonly because: readonly string[];
};

export type ChangeRecordFacts = {
  readonly changeRecordId: string;
  /** SHA-256 of the canonical JSON, hexadecimal. */
  readonly digest: string;
  readonly madeAt: string;
  /** The record this one follows, and why it was needed. */
  readonly parent: { readonly changeRecordId: string; readonly because: string } | null;
  readonly approval: ApprovalFacts;
  /** In the order in which they open. */
  readonly rings: readonly { readonly ring: string; readonly endpoints: readonly string[] }[];
};

export type ApprovalFacts = {
  readonly state: 'not asked' | 'waiting' | 'approved' | 'rejected';
  readonly because: string;
  /** What people said, in order. */
  readonly words: readonly {
    readonly who: string;
    readonly why: string;
    readonly at: string;
  }[];
};

export type OrderFacts = {
  /** As the audit names it: `halt`, `roll back`. */
  readonly order: string;
  /** `the cycle`, `ring early`, `endpoint web-1`. */
  readonly about: string;
  readonly who: string;
  /** Why it was given; of a rollback that has ended, what came of it. */
  readonly because: readonly string[];
  readonly orderedAt: string;
};

export type GateFacts = GateVerdict & { readonly ring: string; readonly decidedAt: string };

export type AuditFacts = {
  /** Null when no audit was made. */
  readonly auditedAt: string | null;
  readonly patches: readonly (AuditedPatch & {
    readonly endpoint: string;
    readonly state: 'installed' | 'failed' | 'pending';
  })[];
  readonly drifted: readonly (Drift & { readonly endpoint: string })[];
};

/** `patch` here is one package at one version on one endpoint; `patchSet` rows are counted in `decisions`. */
export type CycleFigures = {
  readonly endpoints: Readonly<Record<EndpointOutcome | 'total' | 'waiting' | 'inProgress', number>>;
  readonly patches: Readonly<Record<PatchResult | 'total', number>>;
  readonly decisions: Readonly<Record<PatchDecision, number>>;
  /** Patches on endpoints, not done and past their due date. */
  readonly patchesOverdue: number;
  readonly silent: number;
  readonly unmanaged: number;
  /** Distinct CVEs whose patches are proven wherever they were found. */
  readonly cvesClosed: number;
  /** Distinct CVEs that are open on at least one endpoint. */
  readonly cvesOpen: number;
  readonly exploitedCvesOpen: number;
};

/** How one patch stands on one endpoint at the end: exactly one of these. Only `patched` is done. */
export type PatchResult =
  | 'patched'
  | 'waiting'
  | 'inProgress'
  | 'rolledBack'
  | 'failed'
  | 'skipped'
  | 'superseded'
  | 'notProven'
  | 'declined'
  | 'excepted'
  | 'notYetApproved'
  | 'dropped';
