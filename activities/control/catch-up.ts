/** Endpoints that could not be patched with their ring: which they are, and when their turn comes. */
import { type CatchUpTurn, historyOf, judgeCatchUp, supersededBy } from '../../domain/rollout/catch-up.ts';
import type { EndpointInput, RingInput } from '../../domain/rollout/cycle.ts';
import { columnsAfter, notBegun, type EndpointOutcome, type WaitingFor } from '../../domain/endpoints/saga.ts';
import type { AvailableUpdate } from '../../domain/patch.ts';
import { appendAudit } from '../../record/audit.ts';
import type { Tenants } from '../../record/database.ts';
import { readCycle, referenceTo } from '../../record/cycle.ts';
import { endCarriersOfSkippedPatches } from '../../record/orders/skipped-patches.ts';
import { bound } from '../bound.ts';
import { type Straggler, stragglerOf, plannedPatches } from '../../record/admissions/stragglers.ts';
import { dayMilliseconds } from '../../record/instants.ts';

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
