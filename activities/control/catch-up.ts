/** Endpoints that could not be patched with their ring: which they are, and when their turn comes. */
import { stoppedInWords } from '../../domain/patches/breaker.ts';
import {
  type CatchUpTurn,
  type PlannedPatch,
  type StragglerFacts,
  approvalsLost,
  historyOf,
  judgeCatchUp,
  supersededBy,
} from '../../domain/rollout/catch-up.ts';
import type { CycleState, EndpointInput, RingInput } from '../../domain/rollout/cycle.ts';
import { columnsAfter, notBegun, type EndpointOutcome, type WaitingFor } from '../../domain/endpoints/saga.ts';
import { type Expectation, unplannedExpectation } from '../../domain/rollout/expected-duration.ts';
import type { AvailableUpdate } from '../../domain/patch.ts';
import type { Policy } from '../../domain/policies/policy.ts';
import { appendAudit } from '../../record/audit.ts';
import { stoppedNow } from '../../record/patches/breaker.ts';
import { windowsOf } from '../../record/sites/windows.ts';
import type { Database, Tenants } from '../../record/database.ts';
import { readCycle, referenceTo } from '../../record/cycle.ts';
import { endCarriersOfSkippedPatches } from '../../record/orders/skipped-patches.ts';
import { nameIn } from '../../domain/ids.ts';
import type { Severity, UpdateClass } from '../../domain/patches/classification.ts';
import { wherePlanned, toPatch } from '../../record/endpoints/plans.ts';
import { haltedAmong } from '../../record/orders/halts.ts';
import { bound } from '../bound.ts';

const dayMilliseconds = 24 * 60 * 60 * 1000;

export type CatchUpAnswer = {
  /** With the address at which the endpoint is called now. */
  readonly input: EndpointInput;
  readonly verdict: 'go' | 'wait' | 'over';
  readonly seconds: number;
  readonly because: readonly string[];
};

type Ports = { tenants: Tenants };

export function catchUpActivities(ports: Ports) {
  return bound(ports, {
    stragglersOf,
    mayCatchUp,
    isStillPending,
    isLastStraggler,
  });
}

async function end(
  { tenants }: Ports,
  { cycleId, endpointId, clientId }: EndpointInput,
  outcome: EndpointOutcome,
  because: readonly string[],
): Promise<void> {
  await tenants.forClient(clientId).cycleEndpoint.updateMany({
    where: { cycleId, endpointId, state: { in: [...notBegun] } },
    data: { ...columnsAfter(notBegun, outcome), waitingFor: null, endedAt: new Date(), reasons: [...because] },
  });
}

async function recordWait(
  { tenants }: Ports,
  { cycleId, endpointId, clientId }: EndpointInput,
  turn: CatchUpTurn,
): Promise<void> {
  await tenants.forClient(clientId).cycleEndpoint.updateMany({
    where: { cycleId, endpointId, state: 'waiting' },
    data: { waitingFor: turn.waitingFor, reasons: [...turn.because] },
  });
}

async function escalate(
  { tenants }: Ports,
  { cycleId, endpointId, clientId }: EndpointInput,
  { facts, row }: Straggler,
): Promise<void> {
  const db = tenants.forClient(clientId);
  const subject = `${cycleId} ${endpointId}`;
  const attempts = await db.auditEvent.findMany({
    where: { subject, action: 'endpoint waits' },
    orderBy: { sequence: 'asc' },
  });
  const because = historyOf({
    startedAt: row.cycle.startedAt.toISOString(),
    deadlineAt: facts.deadlineAt,
    lastSeenAt: row.endpoint.lastSeenAt?.toISOString() ?? null,
    waitingFor: row.waitingFor as WaitingFor | null,
    reasons: row.reasons,
    windows: facts.windows,
    expectedMinutes: facts.expectedMinutes,
    attempts: attempts.map((event) => ({ at: event.at.toISOString(), because: event.because })),
  });
  await db.$transaction(async (tx) => {
    const escalatedAt = new Date();
    const made = await tx.cycleEndpoint.updateMany({
      where: { cycleId, endpointId, state: 'waiting', escalatedAt: null },
      data: { escalatedAt, reasons: because },
    });
    if (made.count === 0) return;
    await appendAudit(tx, clientId, [
      {
        key: `${subject} escalated`,
        at: escalatedAt.toISOString(),
        actor: 'patchcycle',
        action: 'escalate',
        subject,
        because,
      },
    ]);
  });
}

/** Members that have neither ended nor can go on with the ring; each gets a deadline. */
async function stragglersOf({ tenants }: Ports, { cycleId, ring }: RingInput): Promise<readonly EndpointInput[]> {
  const { db, cycle, policy } = await readCycle(tenants, cycleId);
  const deadlineAt = new Date(cycle.startedAt.getTime() + policy.deadlineDays * dayMilliseconds);
  const where = { cycleId, ring, state: 'waiting' };
  await db.cycleEndpoint.updateMany({ where, data: { deadlineAt } });
  const rows = await db.cycleEndpoint.findMany({ where, include: { endpoint: true } });
  return rows.map((row) => ({ ...referenceTo(row.endpoint), cycleId, clientId: cycle.clientId, ring }));
}

/**
 * Whether a straggler's turn has come, and what it waits for until then, which is recorded. Whether it is online is
 * asked afterwards.
 */
async function mayCatchUp({ tenants }: Ports, { input }: { input: EndpointInput }): Promise<CatchUpAnswer> {
  await endCarriersOfSkippedPatches(tenants.forClient(input.clientId), input.cycleId);
  const straggler = await stragglerOf(tenants, input);
  const turn = judgeCatchUp(straggler.facts);
  if (turn.verdict === 'end' && turn.outcome) await end({ tenants }, input, turn.outcome, turn.because);
  if (turn.verdict === 'escalate') await escalate({ tenants }, input, straggler);
  if (turn.verdict === 'wait' || turn.verdict === 'go') await recordWait({ tenants }, input, turn);
  return {
    input: { ...input, ...referenceTo(straggler.row.endpoint), ring: straggler.row.ring ?? input.ring },
    verdict: turn.verdict === 'go' || turn.verdict === 'wait' ? turn.verdict : 'over',
    seconds: Math.max(1, Math.ceil(turn.seconds)),
    because: turn.because,
  };
}

/** Whether its plan is what its own package manager still offers; what is out of date ends as superseded. */
async function isStillPending(
  { tenants }: Ports,
  {
    input,
    offered,
  }: {
    input: EndpointInput;
    offered: readonly AvailableUpdate[];
  },
): Promise<boolean> {
  const { db } = await readCycle(tenants, input.cycleId);
  const because = supersededBy(await plannedPatches(db, input), offered);
  if (because !== null) await end({ tenants }, input, 'superseded', [because]);
  return because === null;
}

/** Whether a closed cycle waits for no endpoint any more, so that its report can be written for good. */
async function isLastStraggler(
  { tenants }: Ports,
  { input: { cycleId, clientId } }: { input: EndpointInput },
): Promise<boolean> {
  const db = tenants.forClient(clientId);
  const cycle = await db.cycle.findUniqueOrThrow({ where: { id: cycleId } });
  const open = { cycleId, ring: { not: null }, outcome: null, escalatedAt: null, state: { not: 'unknown' } };
  return cycle.state !== 'running' && (await db.cycleEndpoint.count({ where: open })) === 0;
}

type Straggler = Awaited<ReturnType<typeof stragglerOf>>;

async function stragglerOf(tenants: Tenants, { cycleId, endpointId, ring }: EndpointInput) {
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

async function plannedPatches(
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
