/** What a cycle's record says of each endpoint: in the sandbox, at its site, and in the audit. */
import { segmentInWords } from '../../domain/policies/segments.ts';
import { compareInventories } from '../../domain/reports/audit.ts';
import { atWork } from '../../domain/rollout/budget.ts';
import type { CheckResult } from '../../domain/endpoints/check.ts';
import type { AuditFacts } from '../../domain/reports/cycle-facts.ts';
import type { CheckComparison, EndpointFacts } from '../../domain/reports/endpoint-facts.ts';
import type { Inventory } from '../../domain/endpoints/endpoint.ts';
import type { Evidence } from '../../domain/endpoints/evidence.ts';
import { needsPerson } from '../../domain/endpoints/person-needed.ts';
import type { CycleRows } from './rows.ts';
import type { EndpointOutcome, WaitingFor } from '../../domain/endpoints/saga.ts';
import type { PatchDecision } from '../../domain/patches/decision.ts';
import { nameIn } from '../../domain/ids.ts';
import { toPatch } from '../endpoints/plans.ts';
import { iso } from '../instants.ts';

export function sandboxFacts(rows: CycleRows, test: CycleRows['tests'][number]) {
  const before = test.before as unknown as Evidence | null;
  const after = test.after as unknown as Evidence | null;
  const patches = rows.members.find((member) => member.endpointId === test.representative)?.patches ?? [];
  return {
    sandboxId: test.id,
    representative: nameIn(test.representative),
    verdict: test.passed ? ('passed' as const) : ('failed' as const),
    startedAt: test.startedAt.toISOString(),
    endedAt: test.endedAt.toISOString(),
    because: test.because,
    dropped: rows.tests.filter((one) => one.segment === test.segment).flatMap((one) => one.packagesAtFault),
    patches: patches
      .filter((patch) => patch.decision === 'approved' || patch.decision === 'added')
      .map((patch) => ({
        package: patch.package,
        from: patch.fromVersion,
        to: patch.toVersion,
        proven: test.passed,
        because: test.because[0] ?? '',
      })),
    bootIdBefore: before?.bootId ?? null,
    bootIdAfter: after?.bootId ?? null,
    checks: compareChecks(before?.checks, after?.checks),
  };
}

function compareChecks(before: readonly CheckResult[] = [], after: readonly CheckResult[] = []): CheckComparison[] {
  const names = [...new Set([...before, ...after].map((result) => result.check))];
  const found = (results: readonly CheckResult[], check: string) =>
    results.find((result) => result.check === check) ?? null;
  return names.map((check) => ({ check, before: found(before, check), after: found(after, check) }));
}

export function endpointFacts(rows: CycleRows, member: CycleRows['ofPolicy'][number]): EndpointFacts {
  const inventory = rows.inventories.find((row) => row.endpointId === member.endpointId)?.content as unknown as
    | Inventory
    | undefined;
  const seen = (kinds: readonly string[]) =>
    rows.evidence.findLast((row) => row.endpointId === member.endpointId && kinds.includes(row.kind))
      ?.content as unknown as Evidence | undefined;
  const snapshot = rows.snapshots.find((row) => row.id === member.snapshotId);
  const outcome = member.outcome as EndpointOutcome | null;
  return {
    endpoint: nameIn(member.endpointId),
    site: nameIn(member.siteId),
    segment: segmentInWords(member.segment),
    policy: member.policyName ?? '',
    os: inventory?.os ?? { id: 'unknown', version: 'unknown' },
    agent: inventory ? { version: inventory.agentVersion, runtimeVersion: inventory.runtimeVersion ?? null } : null,
    ring: member.ring,
    outcome,
    waitingFor: waitingOf(rows, member),
    ...(needsPerson({ ...member, released: member.releasedAt !== null }) ? { personNeeded: true } : {}),
    because: member.reasons.length > 0 ? member.reasons : member.because,
    startedAt: iso(member.startedAt),
    endedAt: iso(member.endedAt),
    patches: member.patches.map((patch) => ({
      package: patch.package,
      from: patch.fromVersion,
      to: patch.toVersion,
      decision: decisionOf(patch.decision),
      proven: patch.proven === true,
      because: (patch.proven === null ? patch.because : member.reasons)[0] ?? '',
    })),
    bootIdBefore: member.bootIdBefore,
    bootIdAfter: member.bootIdAfter,
    snapshot: snapshot?.takenAt
      ? {
          snapshotId: snapshot.id,
          takenAt: snapshot.takenAt.toISOString(),
          verified: snapshot.verifiedAt !== null,
          restoredAt: iso(snapshot.restoredAt),
          evidenceOfFailedState: snapshot.evidenceOfFailedState,
        }
      : null,
    checks: compareChecks(seen(['before'])?.checks, seen(['after', 'restored'])?.checks),
  };
}

/** What an endpoint without an end waits for. Silent ones wait to come back, also where no ring was ever drawn. */
function waitingOf({ cycle }: CycleRows, member: CycleRows['ofPolicy'][number]): WaitingFor | null {
  if (member.outcome !== null || atWork.includes(member.state) || member.state === 'unknown') return null;
  if (member.waitingFor) return member.waitingFor as WaitingFor;
  if (!member.online) return 'offline';
  return cycle.state === 'running' || member.ring ? 'ring' : 'approval';
}

export function auditFacts({ inventories, ofPolicy }: CycleRows): AuditFacts {
  const audits = inventories.filter((row) => row.step === 'audit');
  const compared = ofPolicy.flatMap((member) => {
    const of = (step: string) =>
      inventories.findLast((row) => row.endpointId === member.endpointId && row.step === step);
    const [before, after] = [of('discovery'), of('audit')];
    if (!before || !after) return [];
    const audit = compareInventories({
      planned: member.patches
        .filter((patch) => patch.decision === 'approved' || patch.decision === 'added')
        .map(toPatch),
      before: before.content as unknown as Inventory,
      after: after.content as unknown as Inventory,
      outcome: member.outcome as EndpointOutcome | null,
    });
    return [{ endpoint: nameIn(member.endpointId), audit }];
  });
  const listed = (state: 'installed' | 'failed' | 'pending') =>
    compared.flatMap(({ endpoint, audit }) => audit[state].map((patch) => ({ endpoint, state, ...patch })));
  return {
    auditedAt: iso(audits.at(-1)?.takenAt),
    patches: [...listed('installed'), ...listed('failed'), ...listed('pending')],
    drifted: compared.flatMap(({ endpoint, audit }) => audit.drifted.map((drift) => ({ endpoint, ...drift }))),
  };
}

/** `offered`: the cycle ended before it was judged. `added`: it is in the record with what needs it. */
export function decisionOf(decision: string): PatchDecision {
  if (decision === 'offered') return 'waiting';
  return decision === 'added' ? 'approved' : (decision as PatchDecision);
}
