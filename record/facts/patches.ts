/** What a cycle's record says of its patches: what was decided of each, the change record, the exceptions. */
import type { KnownExploited } from '../../domain/patches/advisory.ts';
import type { PatchSetEntry, RecordedFacts } from '../../domain/reports/cycle-facts.ts';
import type { Policy } from '../../domain/policies/policy.ts';
import type { ChangeRecordContent } from '../../domain/patches/change-record.ts';
import type { CycleRows } from './rows.ts';
import { decisionOf } from './endpoints.ts';
import { nameIn } from '../../domain/ids.ts';
import type { Severity, UpdateClass } from '../../domain/patches/classification.ts';
import { grouped } from '../../domain/grouped.ts';
import { iso } from '../instants.ts';

/** One entry for each package and version; where endpoints differ, what was approved anywhere is shown. */
export function patchSetFacts({ ofPolicy }: CycleRows): PatchSetEntry[] {
  const all = ofPolicy.flatMap((member) => member.patches).filter((patch) => patch.decision !== 'added');
  return [...grouped(all, (patch) => `${patch.package} ${patch.toVersion}`).values()].map((patches) => {
    const shown = patches.find((patch) => patch.decision === 'approved') ?? patches[0]!;
    const due = patches.flatMap((patch) => iso(patch.dueAt) ?? []).toSorted();
    return {
      package: shown.package,
      to: shown.toVersion,
      source: shown.source,
      class: shown.class as UpdateClass,
      severity: shown.severity as Severity,
      cves: [...new Set(patches.flatMap((patch) => patch.cves))],
      exploited: exploitedOf(patches),
      publishedAt: iso(shown.publishedAt),
      dueAt: due[0] ?? null,
      decision: decisionOf(shown.decision),
      because: shown.because,
    };
  });
}

function exploitedOf(patches: readonly { exploited: unknown }[]): KnownExploited[] {
  const all = patches.flatMap((patch) => patch.exploited as KnownExploited[]);
  return [...new Map(all.map((one) => [one.cve, one])).values()];
}

export function changeRecordFacts({ record, cycle }: CycleRows): RecordedFacts['changeRecord'] {
  if (!record) return null;
  const content = record.content as unknown as ChangeRecordContent;
  const words = record.approvals.map(({ who, why, at }) => ({ who, why, at: at.toISOString() }));
  const asked = record.personsAsked > 0;
  const enough = words.length >= record.personsAsked;
  return {
    changeRecordId: record.id,
    digest: record.digest,
    madeAt: record.writtenAt.toISOString(),
    parent: content.parent ? { changeRecordId: content.parent.changeRecordId, because: content.why } : null,
    approval: {
      state: !asked ? 'not asked' : enough ? 'approved' : 'waiting',
      because: asked
        ? `policy ${cycle.policyVersion.name} asks for ${record.personsAsked}`
        : `policy ${cycle.policyVersion.name} asks for no approval`,
      words,
    },
    rings: content.rings.map(({ ring, endpoints }) => ({
      ring,
      endpoints: endpoints.map((endpoint) => nameIn(endpoint.endpointId)),
    })),
  };
}

export function exceptionFacts(policy: Policy): RecordedFacts['exceptions'] {
  const packages = (kind: 'block' | 'allow', rules: Policy['block']) =>
    rules.map((rule) => ({
      kind,
      subject: [rule.package, rule.versions].filter(Boolean).join(' '),
      because: rule.because,
      owner: rule.owner,
      until: rule.until,
    }));
  return [
    ...policy.exceptions.map((rule) => ({
      kind: 'exception' as const,
      subject: [rule.package, rule.cve, rule.endpoints?.join(', ')].filter(Boolean).join(', '),
      because: rule.because,
      owner: rule.owner,
      until: rule.until,
    })),
    ...packages('block', policy.block),
    ...packages('allow', policy.allow),
  ];
}
