/** One patched endpoint that is rolled back by a person's order: what is on record of it, and how it ended. */
import { stateInWords } from '../../domain/endpoints/saga.ts';
import type { EndpointInput, EndpointPlan, SignOff } from '../../domain/rollout/cycle.ts';
import type { Evidence } from '../../domain/endpoints/evidence.ts';
import { appendAudit } from '../../record/audit.ts';
import { keepEvidence, keepOperations, keepSnapshot, personNeeded } from '../../record/endpoints/evidence.ts';
import type { Database, Tenants } from '../../record/database.ts';
import { readCycle } from '../../record/cycle.ts';
import { moveEndpoint } from '../../record/endpoints/states.ts';
import type { EndpointEnd } from '../../domain/endpoints/end.ts';
import { wherePlanned, planOf } from '../../record/endpoints/plans.ts';
import { bound } from '../bound.ts';

/** What an endpoint can be rolled back by; `refused`: nothing is done, and why. */
export type RollbackRecord =
  | { readonly refused: readonly string[] }
  | {
      readonly plan: EndpointPlan;
      /** As it was before its patches. */
      readonly before: Evidence;
      /** As it was when they were proven; null when that was not recorded. */
      readonly patched: Evidence | null;
      /** Null when none is kept. */
      readonly snapshotId: string | null;
    };

type Ports = { tenants: Tenants };

export function endpointRollbackActivities(ports: Ports) {
  return bound(ports, {
    openEndpointRollback,
    closeEndpointRollback,
  });
}

/** Reads what is on record of an endpoint that was admitted to be rolled back. */
async function openEndpointRollback({ tenants }: Ports, { input }: { input: EndpointInput }): Promise<RollbackRecord> {
  const { cycleId, endpointId } = input;
  const { db, cycle, policy } = await readCycle(tenants, cycleId);
  const row = await db.cycleEndpoint.findUniqueOrThrow({ where: { cycleId_endpointId: { cycleId, endpointId } } });
  if (row.state !== 'rolling back') return { refused: [`it is ${row.outcome ?? row.state}, so it is left as it is`] };
  const later = await db.cycleEndpoint.findFirst({
    where: { endpointId, outcome: 'patched', cycle: { startedAt: { gt: cycle.startedAt } } },
  });
  if (later) return { refused: [`${later.cycleId} has patched it since: roll that back first`] };
  const before = await lastSeen(db, input, 'before');
  if (!before) return { refused: ['nobody recorded what was true before, so that no rollback can be proven'] };
  const plan = await planOf(db, policy, cycleId, endpointId);
  if (plan.patches.length === 0) return { refused: ['no patches of it are on record'] };
  const kept = { id: row.snapshotId ?? '', verifiedAt: { not: null }, deletionOrderedAt: null, deletedAt: null };
  const snapshot = await db.snapshotRecord.findFirst({ where: kept });
  return { plan, before, patched: await lastSeen(db, input, 'after'), snapshotId: snapshot?.id ?? null };
}

/** Records how a rollback that was begun has ended, with who ordered it and why. */
async function closeEndpointRollback(
  { tenants }: Ports,
  {
    input,
    signOff,
    end,
  }: {
    input: EndpointInput;
    signOff: SignOff;
    end: EndpointEnd;
  },
): Promise<void> {
  const { cycleId, endpointId, clientId } = input;
  const { outcome } = end;
  if (outcome !== 'rolled_back' && outcome !== 'quarantined') return;
  const { db, policy } = await readCycle(tenants, cycleId);
  const now = new Date();
  const { keepDays } = policy.snapshot;
  await db.$transaction(async (tx) => {
    await moveEndpoint(tx, input, outcome, {
      reasons: [...end.because],
      waitingFor: null,
      endedAt: now,
      bootIdAfter: end.after?.bootId ?? null,
    });
    await tx.cyclePatch.updateMany({
      where: { cycleId, endpointId, ...wherePlanned },
      data: { proven: false },
    });
    await keepEvidence(tx, input, { ...end, before: null });
    await keepOperations(tx, input, end);
    await keepSnapshot(tx, input, end, { keepDays, now });
    await appendAudit(tx, clientId, [
      {
        key: `${cycleId} ${endpointId} ${outcome} by order ${end.after?.observedAt ?? end.because[0]}`,
        at: now.toISOString(),
        actor: signOff.who,
        action: `endpoint ${stateInWords(outcome)}`,
        subject: `${cycleId} ${endpointId}`,
        because: end.because,
        detail: { snapshotId: end.snapshotId },
      },
      ...personNeeded(input, { ...end, at: now }),
    ]);
  });
}

async function lastSeen(db: Database, { cycleId, endpointId }: EndpointInput, kind: string): Promise<Evidence | null> {
  const row = await db.evidence.findFirst({ where: { cycleId, endpointId, kind }, orderBy: { takenAt: 'desc' } });
  return row ? (row.content as unknown as Evidence) : null;
}
