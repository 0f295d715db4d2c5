/** What decides whether an endpoint that its ring has left behind gets its turn, as the record says. */
import type { Tenants, Database } from '../database.ts';
import type { EndpointInput, CycleState } from '../../domain/rollout/cycle.ts';
import { readCycle } from '../cycle.ts';
import { dayMilliseconds } from '../instants.ts';
import { haltedAmong } from '../orders/halts.ts';
import { type StragglerFacts, approvalsLost, type PlannedPatch } from '../../domain/rollout/catch-up.ts';
import type { EndpointOutcome } from '../../domain/endpoints/saga.ts';
import { windowsOf } from '../sites/windows.ts';
import { type Expectation, unplannedExpectation } from '../../domain/rollout/expected-duration.ts';
import type { Policy } from '../../domain/policies/policy.ts';
import { stoppedNow } from '../patches/breaker.ts';
import { nameIn } from '../../domain/ids.ts';
import { stoppedInWords } from '../../domain/patches/breaker.ts';
import { wherePlanned, toPatch } from '../endpoints/plans.ts';
import type { UpdateClass, Severity } from '../../domain/patches/classification.ts';

export type Straggler = Awaited<ReturnType<typeof stragglerOf>>;

export async function stragglerOf(tenants: Tenants, { cycleId, endpointId, ring }: EndpointInput) {
  const { db, cycle, policy } = await readCycle(tenants, cycleId);
  const row = await db.cycleEndpoint.findUniqueOrThrow({
    where: { cycleId_endpointId: { cycleId, endpointId } },
    include: { endpoint: true, cycle: true },
  });
  const now = new Date();
  const { enrolledAt, retiredAt } = row.endpoint;
  const deadlineAt = row.deadlineAt ?? new Date(cycle.startedAt.getTime() + policy.deadlineDays * dayMilliseconds);
  const halted = await haltedAmong(db, cycleId, [{ ...row, ring }]);
  const facts: StragglerFacts = {
    now: now.toISOString(),
    state: row.state,
    outcome: row.outcome as EndpointOutcome | null,
    laterCycleId: await laterCycleOf(db, cycle, endpointId),
    deadlineAt: deadlineAt.toISOString(),
    escalated: row.escalatedAt !== null,
    cycleState: cycle.state as CycleState,
    halted: halted.get(endpointId) ?? null,
    planned: row.online,
    notApproved: await notApproved(tenants, db, cycle, endpointId, now.toISOString()),
    unreachable:
      retiredAt !== null ? "its client's files no longer name it" : enrolledAt === null ? 'it has no agent yet' : null,
    windows: await windowsOf(db, cycleId, row.siteId),
    expectedMinutes: ((row.expectation as Expectation | null) ?? unplannedExpectation).minutes,
  };
  return { facts, row };
}

type Cycle = Awaited<ReturnType<typeof readCycle>>['cycle'];

/**
 * A later cycle that works on the endpoint. An emergency, which patches one thing alone, supersedes no standard cycle.
 */
async function laterCycleOf(db: Database, cycle: Cycle, endpointId: string): Promise<string | null> {
  const kinds = cycle.kind === 'emergency' ? ['emergency', 'standard'] : ['standard'];
  const later = await db.cycleEndpoint.findFirst({
    where: {
      endpointId,
      ring: { not: null },
      cycle: { kind: { in: kinds }, startedAt: { gt: cycle.startedAt } },
      OR: [{ outcome: null }, { outcome: { not: 'skipped' } }],
    },
    orderBy: { cycle: { startedAt: 'desc' } },
  });
  return later?.cycleId ?? null;
}

/** By the policy as it is now, and by the bad-patch breaker: both may have changed since the record was written. */
async function notApproved(
  tenants: Tenants,
  db: Database,
  cycle: Cycle,
  endpointId: string,
  now: string,
): Promise<readonly string[]> {
  const patches = await plannedPatches(db, { cycleId: cycle.id, endpointId });
  if (patches.length === 0) return [];
  const policyName = cycle.policyVersion.name;
  const client = await db.client.findFirst();
  const newest = await db.policyVersion.findFirst({ where: { name: policyName }, orderBy: { version: 'desc' } });
  const inForce = newest && client?.policyNames.includes(policyName);
  const policy = inForce ? (newest.content as unknown as Policy) : null;
  const { advisory } = cycle;
  const stopped = await stoppedNow(tenants, patches);
  return [
    ...approvalsLost({ patches, policyName, policy, endpointName: nameIn(endpointId), advisory, now }),
    ...stopped.map(stoppedInWords),
  ];
}

export async function plannedPatches(
  db: Database,
  { cycleId, endpointId }: Pick<EndpointInput, 'cycleId' | 'endpointId'>,
): Promise<readonly (PlannedPatch & { readonly from: string | null })[]> {
  const rows = await db.cyclePatch.findMany({
    where: { cycleId, endpointId, ...wherePlanned },
    orderBy: [{ package: 'asc' }, { architecture: 'asc' }],
  });
  const read = await db.advisory.findMany({ where: { source: { in: rows.map((row) => row.source) } } });
  const seen = new Map(read.map((row) => [`${row.source} ${row.version}`, row.firstSeenAt.toISOString()]));
  return rows.map((row) => ({
    ...toPatch(row),
    decision: row.decision as PlannedPatch['decision'],
    class: row.class as UpdateClass,
    severity: row.severity as Severity,
    cves: row.cves,
    publishedAt: row.publishedAt?.toISOString() ?? null,
    // It was offered, and no one read when: at least as long ago as its cycle.
    firstSeenAt: seen.get(`${row.source} ${row.sourceVersion}`) ?? new Date(0).toISOString(),
  }));
}
