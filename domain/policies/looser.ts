/** Where a narrower layer of a policy would be looser than the one above it. */
import type { Policy, ApproveRule, Gate, SnapshotRule, EmergencySection } from './policy.ts';
import { describeAmount } from './amount.ts';
import { type Severity, severityThatCounts } from '../patches/classification.ts';
import { sayMinutes } from '../words.ts';

export function looserWindows(above: PolicyLayer, layer: PolicyLayer): Loosening[] {
  const because = `any time is looser than the windows in ${above.name}, which it extends`;
  const opened = (field: string, own: Policy['windows'] | undefined, bound: Policy['windows'] | undefined) =>
    own === 'always' && bound !== undefined && bound !== 'always' ? [{ field, because }] : [];
  return [
    ...opened('windows', layer.windows, above.windows),
    ...opened('emergency.windows', layer.emergency?.windows, above.emergency?.windows),
  ];
}

/** A number and a share of a site cannot be compared, as sites differ; but nothing is less than one endpoint. */
export function looserBudget(above: PolicyLayer, layer: PolicyLayer): Loosening[] {
  const [own, bound] = [layer.budget, above.budget];
  if (!own || !bound || 'count' in own === 'count' in bound || ('count' in own && own.count === 1)) return [];
  const because = `${describeAmount(own)} may be more than ${describeAmount(bound)} in ${above.name}, which it extends`;
  return [{ field: 'budget', because: `${because}; write it in the same kind` }];
}

const severities: readonly Severity[] = ['critical', 'important', 'moderate', 'low'];

export function looserApproval(above: PolicyLayer, layer: PolicyLayer): Loosening[] {
  const bound = above.approve;
  if (!bound || !layer.approve) return [];
  return layer.approve.flatMap((rule, index) => {
    const looser = (rule.severity ?? severities)
      .map(severityThatCounts)
      .find((severity) => rule.delayMinutes < delayOf(bound, rule.class, severity));
    if (!looser) return [];
    const delay = delayOf(bound, rule.class, looser);
    const says = delay === Infinity ? 'does not approve it' : `approves it ${sayMinutes(delay)} after release`;
    const because = `${rule.class} of severity ${looser} is approved sooner than above: ${above.name}, which it extends, ${says}`;
    return [{ field: `approve[${index}]`, because }];
  });
}

function delayOf(rules: readonly ApproveRule[], kind: ApproveRule['class'], severity: Severity): number {
  const matching = rules.filter((rule) => rule.class === kind && (rule.severity?.includes(severity) ?? true));
  return Math.min(...matching.map((rule) => rule.delayMinutes), Infinity);
}

export function looserAllow(above: PolicyLayer, layer: PolicyLayer): Loosening[] {
  const bound = above.allow;
  if (!bound || !layer.allow) return [];
  return layer.allow.flatMap((rule, index) => {
    if (bound.some((each) => each.package === rule.package && each.versions === rule.versions)) return [];
    return [{ field: `allow[${index}]`, because: `${above.name}, which it extends, does not allow ${rule.package}` }];
  });
}

export function limit(value: number | null | undefined): number | undefined {
  return value === null ? Infinity : value;
}

export function asNumber(value: boolean | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** What one file states of a policy; a field that is absent is not stated. */
export type PolicyLayer = Pick<Policy, 'name' | 'extends' | 'applies'> &
  Partial<Omit<Policy, 'name' | 'extends' | 'applies' | 'gate' | 'snapshot' | 'emergency'>> & {
    readonly gate?: Partial<Gate>;
    readonly snapshot?: Partial<SnapshotRule>;
    readonly emergency?: Partial<EmergencySection> | null;
  };

/** `field` is the field as the operator writes it: `gate.soak`. */
export type Loosening = { readonly field: string; readonly because: string };
