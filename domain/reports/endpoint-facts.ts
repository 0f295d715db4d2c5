import type { EndpointOutcome, WaitingFor } from '../endpoints/saga.ts';
import type { PatchDecision } from '../patches/decision.ts';

export type EndpointFacts = {
  readonly endpoint: string;
  readonly site: string;
  readonly segment: string;
  readonly policy: string;
  readonly os: { readonly id: string; readonly version: string };
  /** Null where none answered in this cycle. */
  readonly agent: AgentFacts | null;
  readonly ring: string | null;
  /** Null until it has ended as one of them; waiting is not an end. */
  readonly outcome: EndpointOutcome | null;
  /** Null once it has ended, and while it is worked on. */
  readonly waitingFor: WaitingFor | null;
  /** Only a person can help it; absent where none is needed. */
  readonly personNeeded?: boolean;
  readonly because: readonly string[];
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Every update found on it; those that were not approved too. */
  readonly patches: readonly EndpointPatchFacts[];
  readonly bootIdBefore: string | null;
  readonly bootIdAfter: string | null;
  readonly snapshot: SnapshotFacts | null;
  readonly checks: readonly CheckComparison[];
};

export type AgentFacts = {
  readonly version: string;
  /** Of Node, which runs it. Null where the inventory on record does not say it. */
  readonly runtimeVersion: string | null;
};

export type EndpointPatchFacts = PatchProof & { readonly decision: PatchDecision };

export type PatchProof = {
  readonly package: string;
  /** Null when the package is new on the endpoint. */
  readonly from: string | null;
  readonly to: string;
  /** Observed at the planned version, with everything that rule 5 asks (docs/rules.md#rule-5). */
  readonly proven: boolean;
  /** Why it is proven, or why not. */
  readonly because: string;
};

export type SnapshotFacts = {
  readonly snapshotId: string;
  readonly takenAt: string;
  readonly verified: boolean;
  /** Null unless the endpoint was rolled back to it. */
  readonly restoredAt: string | null;
  /** Where the failed state's ledger, dpkg.log and journal were kept. */
  readonly evidenceOfFailedState: string | null;
};

/** Null where the check was not made. */
export type CheckComparison = {
  readonly check: string;
  readonly before: { readonly passed: boolean; readonly observed: string } | null;
  readonly after: { readonly passed: boolean; readonly observed: string } | null;
};

/** What was seen on a clone of one endpoint of the segment. */
export type SandboxTest = {
  readonly sandboxId: string;
  /** The endpoint that was cloned. */
  readonly representative: string;
  readonly verdict: 'passed' | 'failed';
  readonly startedAt: string;
  readonly endedAt: string;
  readonly because: readonly string[];
  /** Packages taken out of the cycle for what was seen here. */
  readonly dropped: readonly string[];
  readonly patches: readonly PatchProof[];
  readonly bootIdBefore: string | null;
  readonly bootIdAfter: string | null;
  readonly checks: readonly CheckComparison[];
};
