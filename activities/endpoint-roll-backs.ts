/** One patched endpoint that is rolled back by a person's order: what is on record of it, and how it ended. */
import type { EndpointEnd, EndpointOrder, EndpointPlan, PersonsWord } from '../domain/cycle.ts';
import type { Evidence } from '../domain/evidence.ts';
import { appendAudit } from './audit-trail.ts';
import { keepEvidence, keepOperations, keepSnapshot, personNeeded } from './endpoint-evidence.ts';
import { planOf } from './install-plans.ts';
import type { Database, Tenants } from './ports/database.ts';
import { isPlanned, openCycleOf } from './rows.ts';
import { moveEndpoint } from './standings.ts';

/** What an endpoint can be put back by; `refused`: nothing is done, and why. */
export type RollBackRecord =
  | { readonly refused: readonly string[] }
  | {
      readonly plan: EndpointPlan;
      /** As it was before its patches. */
      readonly before: Evidence;
      /** As it was when they were proven; null when nobody recorded that. */
      readonly patched: Evidence | null;
      /** Null when none is kept. */
      readonly snapshotId: string | null;
    };

export function endpointRollBackActivities({ tenants }: { tenants: Tenants }) {
  return {
    /** Reads what is on record of an endpoint that was admitted to be rolled back. */
    async openEndpointRollBack({ order }: { order: EndpointOrder }): Promise<RollBackRecord> {
      const { cycleId, endpointId } = order;
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      const row = await db.cycleEndpoint.findUniqueOrThrow({ where: { cycleId_endpointId: { cycleId, endpointId } } });
      if (row.state !== 'rolling back')
        return { refused: [`it is ${row.outcome ?? row.state}, so it is left as it is`] };
      const later = await db.cycleEndpoint.findFirst({
        where: { endpointId, outcome: 'patched', cycle: { startedAt: { gt: cycle.startedAt } } },
      });
      if (later) return { refused: [`${later.cycleId} has patched it since: roll that back first`] };
      const before = await lastSeen(db, order, 'before');
      if (!before) return { refused: ['nobody recorded what was true before, so that no roll-back can be proven'] };
      const plan = await planOf(db, policy, cycleId, endpointId);
      if (plan.patches.length === 0) return { refused: ['no patches of it are on record'] };
      const kept = { id: row.snapshotId ?? '', verifiedAt: { not: null }, deletionOrderedAt: null, deletedAt: null };
      const snapshot = await db.snapshotRecord.findFirst({ where: kept });
      return { plan, before, patched: await lastSeen(db, order, 'after'), snapshotId: snapshot?.id ?? null };
    },

    /** Records how a roll-back that was begun has ended, with who ordered it and why. */
    async closeEndpointRollBack({
      order,
      word,
      end,
    }: {
      order: EndpointOrder;
      word: PersonsWord;
      end: EndpointEnd;
    }): Promise<void> {
      const { cycleId, endpointId, clientId } = order;
      const { outcome } = end;
      if (outcome !== 'rolled_back' && outcome !== 'quarantined') return;
      const { db, policy } = await openCycleOf(tenants, cycleId);
      const now = new Date();
      const { keepDays } = policy.snapshot;
      await db.$transaction(async (tx) => {
        await moveEndpoint(tx, order, outcome, {
          reasons: [...end.because],
          waitingFor: null,
          endedAt: now,
          bootIdAfter: end.after?.bootId ?? null,
        });
        await tx.cyclePatch.updateMany({
          where: { cycleId, endpointId, ...isPlanned },
          data: { proven: false },
        });
        await keepEvidence(tx, order, { ...end, before: null });
        await keepOperations(tx, order, end);
        await keepSnapshot(tx, order, end, { keepDays, now });
        await appendAudit(tx, clientId, [
          {
            key: `${cycleId} ${endpointId} ${outcome} by order ${end.after?.observedAt ?? end.because[0]}`,
            at: now.toISOString(),
            actor: word.who,
            action: `endpoint ${outcome.replace('_', ' ')}`,
            subject: `${cycleId} ${endpointId}`,
            because: end.because,
            detail: { snapshotId: end.snapshotId },
          },
          ...personNeeded(order, { ...end, at: now }),
        ]);
      });
    },
  };
}

async function lastSeen(db: Database, { cycleId, endpointId }: EndpointOrder, kind: string): Promise<Evidence | null> {
  const row = await db.evidence.findFirst({ where: { cycleId, endpointId, kind }, orderBy: { takenAt: 'desc' } });
  return row ? (row.content as unknown as Evidence) : null;
}
