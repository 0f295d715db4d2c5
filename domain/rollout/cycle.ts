/**
 * The ten steps of a cycle and what its workflows pass each other: ids, counts and digests, never lists of endpoints.
 */
import type { Check } from '../endpoints/check.ts';
import type { AgentAddress } from '../endpoints/endpoint.ts';
import type { Target } from './halt.ts';
import type { Patch } from '../patch.ts';
import type { Step } from './steps.ts';
import type { RollbackRule } from '../endpoints/rollback-method.ts';
import type { RebootRule } from '../endpoints/operation.ts';

export type CycleKind = 'standard' | 'emergency';
export type CycleTrigger = 'on demand' | 'schedule' | 'emergency';

/** What is asked for when a cycle is started. `cycleId` is the workflow's id too. */
export type CycleInput = {
  readonly cycleId: string;
  readonly clientId: string;
  readonly policyName: string;
  readonly kind: CycleKind;
  /** The CVE an emergency is for; null for a standard cycle. */
  readonly advisory: string | null;
  readonly trigger: CycleTrigger;
  readonly startedBy: string;
  readonly civilDate: string;
  readonly number: number;
};

/** Where an endpoint's agent is called from and at. */
export type EndpointReference = {
  readonly endpointId: string;
  readonly address: AgentAddress;
  /** The task queue of its site's worker. */
  readonly taskQueue: string;
};

export type SiteReference = {
  readonly siteId: string;
  readonly taskQueue: string;
  readonly networks: readonly { readonly cidr: string; readonly routed: boolean }[];
};

/** Who gives an order and why: every order from a person carries both. */
export type SignOff = { readonly who: string; readonly why: string };

/** The order to patch one endpoint, given on admission. */
export type EndpointInput = EndpointReference & {
  readonly cycleId: string;
  readonly clientId: string;
  readonly ring: string;
};

/** A person's order to roll back what a cycle has patched. `orderId` is the id of the workflow that carries it out. */
export type RollbackOrder = {
  readonly orderId: string;
  readonly cycleId: string;
  readonly clientId: string;
  readonly target: Target;
  readonly signOff: SignOff;
  /** What was ordered, and what was halted for it. */
  readonly because: readonly string[];
};

export type RollbackAdmission = {
  readonly start: readonly EndpointInput[];
  /** Null: nothing of it waits for anything that passes by itself. */
  readonly lookAgainInSeconds: number | null;
  readonly inWords: readonly string[];
};

/** How an order to roll back ended: number of endpoints for each outcome, and why others were not rolled back. */
export type RollbackEnd = {
  readonly orderId: string;
  readonly endpoints: Readonly<Record<string, number>>;
  readonly because: readonly string[];
};

/** What one endpoint gets, as its change record says. */
export type EndpointPlan = {
  readonly patches: readonly Patch[];
  /** How an endpoint without patches ends: nothing was due, or everything was taken out of the cycle. */
  readonly withoutPatches: { readonly outcome: 'unchanged' | 'skipped'; readonly because: readonly string[] };
  readonly allowRemove: readonly string[];
  readonly planDigest: string;
  readonly generation: number;
  readonly checks: readonly Check[];
  readonly reboot: RebootRule;
  readonly snapshotRequired: boolean;
  /** How it is rolled back when the install fails. */
  readonly rollback: RollbackRule;
  readonly installLimitMinutes: number;
  readonly snapshotId: string;
  /** Counts from 1: an endpoint may have been let go again before anything was installed. */
  readonly attempt: number;
};

/** A try of a segment's patches on a clone of its representative. */
export type SandboxTestInput = {
  readonly cycleId: string;
  readonly clientId: string;
  readonly segment: string;
  readonly representative: EndpointReference;
  readonly sandboxId: string;
  readonly attempt: number;
};

export type SandboxResult = {
  readonly segment: string;
  readonly passed: boolean;
  /** A halt cut it short: it says nothing of the patches. */
  readonly halted: boolean;
  readonly packagesAtFault: readonly string[];
  readonly because: readonly string[];
};

/** Which facts a survey of a site collects from its agents. */
export type SurveySubject = 'inventory' | 'updates' | 'plan';

export type SurveyInput = {
  readonly cycleId: string;
  readonly clientId: string;
  readonly site: SiteReference;
  readonly subject: SurveySubject;
  /** The step it is for: the same facts are asked again by a later step. */
  readonly step: Step;
};

/** What the tests of all segments say together; `again` when patches were taken out and the rest has to be tried. */
export type TestsVerdict = {
  readonly again: boolean;
  /** Approved patches that are left, counted on each endpoint. */
  readonly patches: number;
  readonly because: readonly string[];
};

export type ChangeRecordSummary = {
  /** How long a held gate waits for a person. */
  readonly heldGateDays: number;
  readonly changeRecordId: string;
  readonly digest: string;
  readonly rings: readonly string[];
  readonly approvalAsked: boolean;
  readonly approvalWithinMinutes: number;
  readonly because: readonly string[];
};

export type RingInput = {
  readonly cycleId: string;
  readonly clientId: string;
  readonly ring: string;
};

export type RingAdmission = {
  readonly start: readonly EndpointInput[];
  /** Null: an endpoint that still waits does not wait for this ring. */
  readonly lookAgainInSeconds: number | null;
  readonly inWords: readonly string[];
};

export type RingResult = {
  readonly ring: string;
  readonly verdict: 'advance' | 'hold' | 'halt';
  readonly because: readonly string[];
  /**
   * Whether the good patches of the record go on as a successor, at once or when a person says so; absent: they do not.
   */
  readonly successor?: 'ask' | 'go on';
  /** Every endpoint of the cycle's records has ended: no ring has one left to start. */
  readonly noneRemain: boolean;
  /** How many patches had been skipped in the cycle when it was judged. */
  readonly patchesSkipped: number;
};

/** A ring's verdict, and the halts that were not resumed in time; null when it came to its own end. */
export type RingEnd = RingResult & { readonly abandoned: readonly string[] | null };

export type CycleState = 'running' | 'finished' | 'halted' | 'cancelled' | 'failed';

/** How a cycle ended, in counts. */
export type CycleSummary = {
  readonly cycleId: string;
  readonly state: CycleState;
  /** Number of endpoints for each outcome, and `waiting`. */
  readonly endpoints: Readonly<Record<string, number>>;
  readonly because: readonly string[];
};

/** An endpoint that some packages' changelogs are read from. */
export type ChangelogReader = {
  readonly endpoint: EndpointReference;
  readonly generation: number;
  readonly patches: readonly Patch[];
  readonly planDigest: string;
};

export type SiteToCleanUp = Pick<SiteReference, 'siteId' | 'taskQueue'> & { readonly clientId: string };
