/**
 * What becomes of endpoints and cycles whose workflow is gone: whether a workflow holds an endpoint, and to which end
 * one that none holds is brought. Only what is observed decides; silence decides nothing.
 */
import type { EndpointInput, EndpointPlan } from './cycle.ts';
import { judgePatched, nothingChanged } from '../endpoints/outcome.ts';
import type { Evidence } from '../endpoints/evidence.ts';
import type { OperationReport, RebootRule } from '../endpoints/operation.ts';
import type { Patch } from '../patch.ts';

/**
 * For this long after its workflow has ended an effect may still be on its way to the agent: submitted within two
 * seconds of its permit, by an attempt that is given up after twenty.
 */
export const lateEffectSeconds = 25;

/** How a workflow stands. A worker that is down leaves it running. `unheard of`: Temporal has none of that id. */
export type WorkflowStatus =
  | { readonly state: 'running' }
  | { readonly state: 'unheard of' }
  | { readonly state: 'closed'; readonly how: WorkflowEnd; readonly closedAt: string };

export type WorkflowEnd = 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed out';

/** States of an endpoint in a cycle that have to be brought to an end. */
export const openStates = ['admitted', 'in flight', 'unknown'] as const;
export type OpenState = (typeof openStates)[number];

export type LockHolder = { readonly held: boolean; readonly because: readonly string[] };

/**
 * Whether a workflow holds an endpoint: its own workflow, in whichever cycle, or the ring or catch-up that will hear
 * how that one ended. One that is recorded as unknown was given up by both.
 */
export function judgeLockHolder(what: {
  readonly state: OpenState;
  readonly endpoint: WorkflowStatus;
  readonly ring: WorkflowStatus;
  readonly catchUp: WorkflowStatus;
}): LockHolder {
  const { state, endpoint, ring, catchUp } = what;
  if (endpoint.state === 'running') return { held: true, because: ['its workflow is at work on it'] };
  if (state === 'unknown') return { held: false, because: ['it is not known how the work on it ended'] };
  if (ring.state === 'running') return { held: true, because: ['its ring runs, and hears how the work on it ends'] };
  if (catchUp.state === 'running')
    return { held: true, because: ['its catch-up runs, and hears how the work on it ends'] };
  return { held: false, because: [`it is ${state}, and ${howItEnded('its workflow', endpoint)}`] };
}

/** Seconds until no effect of its ended workflow can reach the agent any more. */
export function lateEffectsEndInSeconds(endpoint: WorkflowStatus, now: string): number {
  if (endpoint.state === 'running') return lateEffectSeconds;
  if (endpoint.state === 'unheard of') return 0;
  const passed = (Date.parse(now) - Date.parse(endpoint.closedAt)) / 1000;
  // A clock that was set back must not make it wait for hours.
  return Math.min(lateEffectSeconds, Math.max(0, Math.ceil(lateEffectSeconds - passed)));
}

/** An endpoint that no workflow holds, which is to be brought to an end. */
export type OrphanedEndpoint = EndpointInput & {
  readonly state: OpenState;
  /** Why no workflow holds it. */
  readonly because: readonly string[];
  /** From then on no effect of its ended workflow can reach the agent. */
  readonly quietFromAt: string;
  /** Its generation was raised: it is rolled back, whatever its agent says. */
  readonly restoreOrdered: boolean;
};

/** What is on record of an endpoint that no workflow holds. */
export type OrphanedEndpointRecord = {
  readonly state: OpenState;
  /** As the change record says it, in the generation in which it was begun. */
  readonly plan: EndpointPlan;
  /** As it was before anything was done; null when that was not recorded. */
  readonly before: Evidence | null;
  /** The snapshot it can be rolled back to; null when there is none. */
  readonly snapshotId: string | null;
  readonly restoreOrdered: boolean;
  /** Its cycle has given its account already, which has to be told again. */
  readonly cycleEnded: boolean;
};

/** What is known of an endpoint that no workflow holds, once it was looked at. */
export type OrphanFacts = {
  readonly patches: readonly Patch[];
  readonly reboot: RebootRule;
  readonly before: Evidence | null;
  /** As it is now, with what was installed in effect; null when it does not answer. */
  readonly after: Evidence | null;
  /** What its agent knows of the install, or of its repair; null when it never heard of it. */
  readonly install: OperationReport | null;
  readonly rebootWasDue: boolean;
  /** The boot that a due reboot had to leave; null when none was due. */
  readonly bootIdBeforeReboot: string | null;
};

export type OrphanedEndpointVerdict = {
  /** `roll back`: to its snapshot, proven like any rollback. `look again`: later; until then it stays unknown. */
  readonly end: 'patched' | 'skipped' | 'rolled_back' | 'roll back' | 'quarantined' | 'look again';
  readonly because: readonly string[];
  readonly packagesAtFault: readonly string[];
};

/** To which end an endpoint that no workflow holds is brought. */
export function judgeOrphanedEndpoint(orphan: OrphanFacts): OrphanedEndpointVerdict {
  const { before, after, install, patches } = orphan;
  if (after === null) return verdict('look again', ['its agent does not answer']);
  if (before === null)
    return install === null
      ? verdict('skipped', ['nothing was installed: its agent never heard of an install'])
      : verdict('quarantined', ['an install was begun, and what was true before it was not recorded']);
  if (nothingChanged({ before, after }))
    return install?.state === 'succeeded'
      ? verdict('rolled_back', ['an install succeeded, and it is as it was before: it has been rolled back'])
      : verdict('skipped', ['nothing was installed: it is as it was']);

  const proof = judgePatched({ ...orphan, before, after });
  if (proof.proven) return verdict('patched', proof.because);
  const because = [...(install ? [`install: ${install.because}`] : []), ...proof.because];
  const packagesAtFault = [...new Set([...(install?.packagesAtFault ?? []), ...proof.packagesAtFault])];
  if (install !== null) return { end: 'roll back', because, packagesAtFault };
  // It was not us: a rollback could undo what someone else has done to it.
  const stranger = `its agent never heard of an install of these ${patches.length} patches, and it is not as it was`;
  return verdict('quarantined', [stranger, ...because]);
}

function verdict(end: OrphanedEndpointVerdict['end'], because: readonly string[]): OrphanedEndpointVerdict {
  return { end, because, packagesAtFault: [] };
}

export type CycleClosing = {
  /** Null while it is not closed for its workflow. */
  readonly as: 'failed' | 'cancelled' | null;
  readonly because: readonly string[];
};

/**
 * Whether a cycle that is recorded as running is closed in place of its workflow: once that is gone and every endpoint
 * it had started has come to an end, or is known to be unknown.
 */
export function judgeCycleClosing(what: {
  readonly workflow: WorkflowStatus;
  /** Its endpoints that are admitted or in flight. */
  readonly underWay: number;
}): CycleClosing {
  const { workflow, underWay } = what;
  if (workflow.state === 'running') return { as: null, because: ['its workflow runs'] };
  if (workflow.state === 'closed' && workflow.how === 'completed')
    return { as: null, because: ['its workflow has closed it'] };
  if (underWay > 0) return { as: null, because: [`${underWay} of its endpoints have not come to an end`] };
  const cancelled = workflow.state === 'closed' && workflow.how === 'cancelled';
  return { as: cancelled ? 'cancelled' : 'failed', because: [howItEnded('its workflow', workflow)] };
}

/**
 * Whether an endpoint that was handed to its catch-up has lost it: then nobody would catch it up or tell a person at
 * its deadline (rule 17: docs/rules.md#rule-17). A catch-up that has ended by itself has left it for a reason.
 */
export function judgeStragglerOrphaned(what: {
  readonly ring: WorkflowStatus;
  readonly catchUp: WorkflowStatus;
}): boolean {
  const { ring, catchUp } = what;
  if (ring.state === 'running' || catchUp.state === 'running') return false;
  return catchUp.state === 'unheard of' || catchUp.how !== 'completed';
}

/** An order is on record before its workflow starts; one that has none after this long will not get one. */
const orderStartsWithinMinutes = 10;

/** Whether an order to roll back that has no end on record is finished in place of its workflow. */
export function judgeRollbackOrphaned(
  { workflow, orderedAt }: { readonly workflow: WorkflowStatus; readonly orderedAt: string },
  now: string,
): { readonly orphaned: boolean; readonly because: readonly string[] } {
  const because = [howItEnded('its workflow', workflow)];
  if (workflow.state === 'running') return { orphaned: false, because };
  if (workflow.state === 'closed') return { orphaned: workflow.how !== 'completed', because };
  const waited = Date.parse(now) - Date.parse(orderedAt);
  return { orphaned: waited >= orderStartsWithinMinutes * 60_000, because };
}

/** `its workflow was terminated` */
function howItEnded(what: string, status: WorkflowStatus): string {
  if (status.state === 'running') return `${what} runs`;
  if (status.state === 'unheard of') return `${what} is not there any more`;
  const words = { completed: 'ended', failed: 'failed', cancelled: 'was cancelled', terminated: 'was terminated' };
  return `${what} ${status.how === 'timed out' ? 'ran out of time' : words[status.how]}`;
}
