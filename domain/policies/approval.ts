/**
 * Whether an update may be installed under a policy, and which rule says so.
 *
 * Reject beats approve (rule 18: docs/rules.md#rule-18): block, then exception, then allow, then the approve rules.
 * What has run out decides nothing any more, and is said. An unknown class is approved by no rule; an unknown severity
 * counts as high (rule 15: docs/rules.md#rule-15).
 */
import type { Classification } from '../patches/classification.ts';
import { severityThatCounts } from '../patches/classification.ts';
import type { AllowRule, ApproveRule, BlockRule, Owned, Policy, PolicyException } from './policy.ts';
import { satisfies } from '../versions.ts';
import { sayMinutes } from '../words.ts';

export type UpdateToJudge = {
  readonly package: string;
  readonly to: string;
  readonly cves: readonly string[];
  readonly classification: Classification;
  /** When the vendor released it; null when that is not known. */
  readonly releasedAt: string | null;
  /** When an endpoint of ours was first offered it; counts where the release is not known. */
  readonly firstSeenAt: string | null;
};

export type ApprovalQuestion = {
  readonly update: UpdateToJudge;
  readonly endpointName: string;
  readonly policy: Policy;
  readonly now: string;
};

/**
 * `deferred`: held back for now, by an exception or until its time has come. `because` is the rule's: the
 * classification has its own.
 */
export type Approval = {
  readonly decision: 'approved' | 'declined' | 'deferred';
  readonly because: readonly string[];
  /** When it will be approved if nothing else changes; null when nothing can be said. */
  readonly approvableAt: string | null;
  /** The kind of rule that decided; null when none matched. */
  readonly rule: 'block' | 'exception' | 'allow' | 'approve' | 'advisory' | null;
};

/** Judges one update for one endpoint in a standard cycle. */
export function judgeUpdate(question: ApprovalQuestion): Approval {
  return withWhatRanOut(question, judgeRejections(question) ?? judgeAllowed(question) ?? judgeByRules(question));
}

/**
 * Judges one update in an emergency cycle: only what carries the advisory is approved, at once. Blocks hold, since
 * reject beats approve, and an unknown class is approved by a person's word for that package alone (rule 15:
 * docs/rules.md#rule-15). What such a package needs besides comes with the dry run, not from here.
 */
export function judgeEmergencyUpdate(question: ApprovalQuestion & { readonly advisory: string }): Approval {
  const { advisory, update } = question;
  if (!update.cves.includes(advisory)) return decided('declined', null, [`it does not carry ${advisory}`]);
  const carries = `it carries ${advisory}, which this emergency is for`;
  const judged =
    update.classification.class === 'unknown'
      ? (judgeAllowed(question) ?? decided('declined', null, [carries, 'its class is unknown: allow it by its name']))
      : decided('approved', 'advisory', [carries]);
  return withWhatRanOut(question, judgeRejections(question) ?? judged);
}

function judgeRejections({ update, endpointName, policy, now }: ApprovalQuestion): Approval | null {
  const block = policy.block.find((rule) => holds(rule, now) && namesPackage(rule, update, true));
  if (block)
    return decided('declined', 'block', [
      `${describeVersions(block)} is blocked until ${block.until} by ${block.owner}: ${block.because}`,
    ]);
  const exception = policy.exceptions.find((rule) => holds(rule, now) && excepts(rule, update, endpointName));
  if (exception)
    return decided('deferred', 'exception', [
      `${subjectOf(exception)} is excepted until ${exception.until} by ${exception.owner}: ${exception.because}`,
    ]);
  return null;
}

function judgeAllowed({ update, policy, now }: ApprovalQuestion): Approval | null {
  const allow = policy.allow.find((rule) => holds(rule, now) && namesPackage(rule, update, false));
  if (!allow) return null;
  return decided('approved', 'allow', [
    `${describeVersions(allow)} is allowed until ${allow.until} by ${allow.owner}: ${allow.because}`,
  ]);
}

function judgeByRules({ update, policy, now }: ApprovalQuestion): Approval {
  const { classification } = update;
  const rules = policy.approve.filter((rule) => matchesApproveRule(rule, classification));
  const rule = rules.toSorted((a, b) => a.delayMinutes - b.delayMinutes)[0];
  if (!rule)
    return decided('declined', null, [
      `policy ${policy.name} approves nothing of class ${classification.class} and severity ${classification.severity}`,
    ]);
  const says = `policy ${policy.name} approves ${describeApproveRule(rule)}`;
  if (rule.delayMinutes === 0) return decided('approved', 'approve', [says]);
  const since = update.releasedAt ?? update.firstSeenAt;
  if (since === null)
    return decided('deferred', 'approve', [
      says,
      'when it was released is not known, so its time cannot be said to have come',
    ]);
  const from = update.releasedAt
    ? `it was released at ${since}`
    : `its release is not known, it was first seen at ${since}`;
  const approvableAt = new Date(Date.parse(since) + rule.delayMinutes * 60_000).toISOString();
  if (Date.parse(approvableAt) <= Date.parse(now)) return decided('approved', 'approve', [says, from]);
  return { ...decided('deferred', 'approve', [says, from, `so it is approved at ${approvableAt}`]), approvableAt };
}

/** `class security, severity critical or important, at once`. */
export function describeApproveRule(rule: ApproveRule): string {
  const severity = rule.severity ? `severity ${rule.severity.join(' or ')}` : 'any severity';
  const when = rule.delayMinutes === 0 ? 'at once' : `${sayMinutes(rule.delayMinutes)} after release`;
  return `class ${rule.class}, ${severity}, ${when}`;
}

/** Whether a rule still holds at that instant: through the end of its last day, UTC. */
export function holds(rule: Owned, now: string): boolean {
  return new Date(Date.parse(now)).toISOString().slice(0, 10) <= rule.until;
}

/** Whether an approve rule is for updates of that class and severity. */
export function matchesApproveRule(
  rule: ApproveRule,
  { class: kind, severity }: Pick<Classification, 'class' | 'severity'>,
): boolean {
  if (rule.class !== kind) return false;
  return (
    rule.severity === null || rule.severity.includes(severity) || rule.severity.includes(severityThatCounts(severity))
  );
}

/** A range that cannot be read blocks every version and allows none. */
export function namesPackage(
  rule: BlockRule | AllowRule,
  update: Pick<UpdateToJudge, 'package' | 'to'>,
  whenUnreadable: boolean,
): boolean {
  if (rule.package !== update.package) return false;
  return rule.versions === null || (satisfies(update.to, rule.versions) ?? whenUnreadable);
}

/** Whether an exception is for this update on this endpoint. */
export function excepts(
  rule: PolicyException,
  update: Pick<UpdateToJudge, 'package' | 'cves'>,
  endpointName: string,
): boolean {
  if (rule.endpoints !== null && !rule.endpoints.includes(endpointName)) return false;
  if (rule.package !== null && rule.package !== update.package) return false;
  return rule.cve === null || update.cves.includes(rule.cve);
}

function withWhatRanOut({ update, endpointName, policy, now }: ApprovalQuestion, approval: Approval): Approval {
  const blocks = policy.block.filter((rule) => !holds(rule, now) && namesPackage(rule, update, true));
  const exceptions = policy.exceptions.filter((rule) => !holds(rule, now) && excepts(rule, update, endpointName));
  const because = [
    ...approval.because,
    ...blocks.map(
      (rule) => `the block of ${describeVersions(rule)} by ${rule.owner} ran out on ${rule.until} and blocks no longer`,
    ),
    ...exceptions.map(
      (rule) =>
        `the exception of ${subjectOf(rule)} by ${rule.owner} ran out on ${rule.until} and holds nothing back any more`,
    ),
  ];
  return { ...approval, because };
}

function describeVersions(rule: BlockRule | AllowRule): string {
  return rule.versions === null ? rule.package : `${rule.package} ${rule.versions}`;
}

function subjectOf(rule: PolicyException): string {
  return [rule.package, rule.cve].filter((part) => part !== null).join(', ') || 'every update';
}

function decided(decision: Approval['decision'], rule: Approval['rule'], because: readonly string[]): Approval {
  return { decision, because, approvableAt: null, rule };
}
