/** How often each rule of a policy matched in a cycle: one that never does is a mistake, or no longer needed. */
import { describeApproveRule, excepts, matchesApproveRule, namesPackage } from '../policies/approval.ts';
import type { Policy, SegmentRule } from '../policies/policy.ts';
import type { Severity, UpdateClass } from '../patches/classification.ts';
import type { RuleFacts } from './review-facts.ts';

export type MatchedUpdate = {
  readonly endpoint: string;
  readonly package: string;
  readonly to: string;
  readonly cves: readonly string[];
  readonly class: UpdateClass;
  readonly severity: Severity;
};

export function rulesMatched(of: {
  readonly policy: Policy;
  readonly segments: readonly SegmentRule[];
  readonly endpoints: readonly {
    readonly endpoint: string;
    readonly segment: string | null;
    readonly ring: string | null;
  }[];
  readonly updates: readonly MatchedUpdate[];
}): RuleFacts[] {
  const { policy, segments, endpoints, updates } = of;
  const count = (matches: (update: MatchedUpdate) => boolean) => updates.filter(matches).length;
  const named = (rule: { package: string; versions: string | null }) =>
    [rule.package, rule.versions].filter(Boolean).join(' ');
  return [
    ...policy.approve.map((rule) => ({
      kind: 'approve' as const,
      rule: describeApproveRule(rule),
      matched: count((update) => matchesApproveRule(rule, update)),
    })),
    ...policy.allow.map((rule) => ({
      kind: 'allow' as const,
      rule: named(rule),
      matched: count((update) => namesPackage(rule, update, false)),
    })),
    ...policy.block.map((rule) => ({
      kind: 'block' as const,
      rule: named(rule),
      matched: count((update) => namesPackage(rule, update, true)),
    })),
    ...policy.exceptions.map((rule) => ({
      kind: 'exception' as const,
      rule: [rule.package, rule.cve].filter(Boolean).join(' '),
      matched: count((update) => excepts(rule, update, update.endpoint)),
    })),
    ...segments.map(({ segment }) => ({
      kind: 'segment' as const,
      rule: segment,
      matched: endpoints.filter((endpoint) => endpoint.segment === segment).length,
    })),
    ...policy.rings.map((ring) => ({
      kind: 'ring' as const,
      rule: ring.name,
      matched: endpoints.filter((endpoint) => endpoint.ring === ring.name).length,
    })),
  ];
}
