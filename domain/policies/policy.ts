/**
 * Everything an operator writes of a client, as plain data: client, sites, endpoints, segments, policies.
 * Durations are numbers with their unit in the name; they may be fractions (10 seconds are 1/6 of a minute).
 */
import type { Check } from '../endpoints/check.ts';
import type { RollbackRule } from '../endpoints/rollback-method.ts';
import type { UpdateClass, Severity } from '../patches/classification.ts';
import type { Amount } from './amount.ts';
import type { RebootRule } from '../endpoints/operation.ts';

export type Client = { readonly id: string; readonly name: string };

/** `routed`: the site's configuration says that a scan may leave the directly connected network. */
export type Network = { readonly cidr: string; readonly routed: boolean };

/**
 * No work starts between two wall-clock times of the site's zone, e.g. `2026-12-24 00:00`. `until` is the first minute
 * after it.
 */
export type Blackout = { readonly from: string; readonly until: string; readonly because: string };

export type Site = {
  readonly id: string;
  readonly name: string;
  /** An IANA zone: `Europe/Berlin`. */
  readonly timeZone: string;
  readonly networks: readonly Network[];
  /** Null: the policy's budget alone holds. */
  readonly budget: Amount | null;
  readonly blackouts: readonly Blackout[];
};

export type Criticality = 'low' | 'medium' | 'high';

/** What the client states of an endpoint. Where nothing is stated, criticality is `high`. */
export type StatedEndpoint = {
  readonly name: string;
  readonly siteId: string;
  readonly role: string | null;
  readonly criticality: Criticality;
  readonly owner: string | null;
  /** Members stand in for each other: never in flight together. */
  readonly redundancyGroup: string | null;
  readonly tags: readonly string[];
};

export type EndpointType = 'physical' | 'virtual' | 'container';

/** All that are given must hold; of each list one. No condition at all matches everything. */
export type Conditions = {
  readonly segment?: readonly string[];
  readonly os?: readonly string[];
  /** Exact, or a range: `12`, `<= 11`. */
  readonly version?: readonly string[];
  readonly role?: readonly string[];
  readonly criticality?: readonly Criticality[];
  readonly owner?: readonly string[];
  readonly site?: readonly string[];
  readonly type?: readonly EndpointType[];
  readonly tag?: readonly string[];
};

export type SegmentRule = { readonly segment: string; readonly when: Conditions };

/** An unknown class cannot be approved by a rule (rule 15: docs/rules.md#rule-15). `severity` null: any. */
export type ApproveRule = {
  readonly class: Exclude<UpdateClass, 'unknown'>;
  readonly severity: readonly Severity[] | null;
  /** Minutes after release; 0 is at once. */
  readonly delayMinutes: number;
};

/**
 * Who answers for a decision that deviates from the rules, and until when: `until` is its last day (UTC), e.g.
 * `2027-01-31`.
 */
export type Owned = { readonly because: string; readonly owner: string; readonly until: string };

/** Never install these versions (null: any version) of a package. */
export type BlockRule = Owned & { readonly package: string; readonly versions: string | null };

/** Install these versions (null: any version) of a package at once, whatever its class. */
export type AllowRule = Owned & { readonly package: string; readonly versions: string | null };

/**
 * Leaves a package, or what fixes a CVE, undone for a while; on all endpoints of the policy where `endpoints` is null.
 */
export type PolicyException = Owned & {
  readonly package: string | null;
  readonly cve: string | null;
  readonly endpoints: readonly string[] | null;
};

export type RingRule = {
  readonly name: string;
  readonly take: Amount | 'rest';
  /** Null: endpoints of every segment. */
  readonly segments: readonly string[] | null;
  /** Endpoints named for this ring. */
  readonly endpoints: readonly string[];
};

export type Gate = {
  readonly soakMinutes: number;
  readonly atLeastVerified: number;
  readonly failuresAtMost: number;
  /** Of the endpoints that were patched or failed; null: no limit. */
  readonly failurePercentAtMost: number | null;
};

/**
 * What becomes of the good patches when a gate halts, and the evidence says which patch is at fault (rule 12:
 * docs/rules.md#rule-12). `ask`: a person may let them go on as a successor record. `go on`: they do. `stop`: they wait
 * for the next cycle.
 */
export type AfterHalt = 'stop' | 'ask' | 'go on';

export type Weekday = 'Monday' | 'Tuesday' | 'Wednesday' | 'Thursday' | 'Friday' | 'Saturday' | 'Sunday';

/** When a window opens, in wall-clock time of the site's zone; `at` is `HH:MM`. */
export type Opening =
  | { readonly every: 'week'; readonly weekdays: readonly Weekday[]; readonly at: string }
  | {
      readonly every: 'month';
      readonly nth: 1 | 2 | 3 | 4 | 'last';
      readonly weekday: Weekday;
      readonly daysAfter: number;
      readonly at: string;
    }
  | { readonly every: 'once'; readonly date: string; readonly at: string };

/** `words` is what the operator wrote, for the reasons. */
export type WindowRule = { readonly words: string; readonly opens: Opening; readonly lastsMinutes: number };

/** Whether a segment's patches are tried on a clone before any endpoint gets them. */
export type SandboxRule = { readonly required: boolean };
export type SnapshotRule = { readonly required: boolean; readonly keepDays: number };
/**
 * How many people approve the change record, and how soon; a record that was not approved in time is not carried out.
 */
export type ChangeApproval = { readonly persons: number; readonly withinMinutes: number };

export type EmergencySection = {
  readonly soakMinutes: number;
  readonly windows: 'always' | readonly WindowRule[];
  readonly changeApproval: ChangeApproval | null;
};

export type Policy = {
  readonly name: string;
  readonly extends: string | null;
  /** Null: only there to be extended. */
  readonly applies: Conditions | null;
  readonly mode: 'patch' | 'report only';
  readonly approve: readonly ApproveRule[];
  readonly allow: readonly AllowRule[];
  readonly block: readonly BlockRule[];
  readonly exceptions: readonly PolicyException[];
  readonly rings: readonly RingRule[];
  readonly gate: Gate;
  /** Absent in policies that were applied before there was a choice: `stop`. */
  readonly afterHalt?: AfterHalt;
  /** Of the endpoints of one site. */
  readonly budget: Amount;
  readonly windows: 'always' | readonly WindowRule[];
  readonly blackouts: readonly Blackout[];
  readonly sandbox: SandboxRule;
  readonly snapshot: SnapshotRule;
  readonly rollback: RollbackRule;
  readonly reboot: RebootRule;
  readonly checks: readonly Check[];
  readonly changeApproval: ChangeApproval | null;
  /** From the cycle's start; an endpoint that has not caught up by then is escalated. */
  readonly deadlineDays: number;
  readonly emergency: EmergencySection | null;
};

/** What a client's directory of YAML says, whole and checked; policies have what they extend merged in. */
export type ClientFiles = {
  readonly client: Client;
  readonly sites: readonly Site[];
  readonly endpoints: readonly StatedEndpoint[];
  readonly segments: readonly SegmentRule[];
  readonly policies: readonly Policy[];
};

const canaryRing: RingRule = { name: 'canary', take: { count: 1 }, segments: null, endpoints: [] };

/**
 * The policy an emergency cycle works under: shorter soak, its own windows and approval. Its floors: somebody still
 * goes first, at least one endpoint is verified, every endpoint still has a snapshot. What the policy blocks stays
 * blocked. Without an emergency section the standard windows, soak and approval hold.
 */
export function emergencyPolicy(policy: Policy): Policy {
  const section = policy.emergency;
  return {
    ...policy,
    rings: policy.rings.length > 1 ? policy.rings : [canaryRing, ...policy.rings],
    gate: {
      ...policy.gate,
      soakMinutes: Math.min(policy.gate.soakMinutes, section?.soakMinutes ?? policy.gate.soakMinutes),
      atLeastVerified: Math.max(1, policy.gate.atLeastVerified),
    },
    windows: section?.windows ?? policy.windows,
    changeApproval: section ? section.changeApproval : policy.changeApproval,
    snapshot: { ...policy.snapshot, required: true },
  };
}
