/** What is known of one endpoint while it is worked on, and how it ended. */
import { defaultEndpointsAtLeast, failuresIn, patchKey } from '../domain/breaker.ts';
import type { ChangeRecordContent } from '../domain/change-record.ts';
import { type EndpointEnd, type EndpointOrder, type EndpointPlan } from '../domain/cycle.ts';
import type { Evidence } from '../domain/evidence.ts';
import { leftOutInWords } from '../domain/left-out.ts';
import { appendAudit } from './audit-trail.ts';
import { countFailures } from './breaker.ts';
import {
  type WhoseEvidence,
  keepEvidence,
  keepObserved,
  keepOperations,
  keepSnapshot,
  personNeeded,
} from './endpoint-evidence.ts';
import { planOf } from './install-plans.ts';
import { leftOutOf } from './left-out.ts';
import { snapshotNameOf } from './machines.ts';
import type { Database, Tenants } from './ports/database.ts';
import { isPlanned, openCycleOf } from './rows.ts';
import { moveEndpoint } from './standings.ts';

export function endpointActivities({
  tenants,
  breakerEndpoints = defaultEndpointsAtLeast,
}: {
  tenants: Tenants;
  breakerEndpoints?: number;
}) {
  return {
    async openEndpoint(order: EndpointOrder): Promise<EndpointPlan> {
      const { db, policy } = await openCycleOf(tenants, order.cycleId);
      const { cycleId, endpointId } = order;
      const plan = await numbered(db, order, await planOf(db, policy, cycleId, endpointId));
      const { generation, snapshotId } = plan;
      await db.$transaction((tx) =>
        moveEndpoint(tx, order, 'in flight', {
          startedAt: new Date(),
          generation,
          snapshotId,
          waitingFor: null,
          reasons: [],
        }),
      );
      const leftOut = await leftOutOf(tenants, cycleId, plan.patches);
      if (leftOut.length > 0) {
        const because = leftOutInWords(leftOut, plan.patches.length);
        return { ...plan, patches: [], withoutPatches: { outcome: 'skipped', because } };
      }
      const recorded = await recordedDigest(db, cycleId, endpointId);
      if (recorded === plan.planDigest) return plan;
      const because = ['its plan is not the one in the change record'];
      return { ...plan, patches: [], withoutPatches: { outcome: 'skipped', because } };
    },

    /**
     * Raises the endpoint's generation before a restore, so that whoever still speaks of the failed state is refused.
     * Raised once for a plan: asked again it answers the same.
     */
    async raiseGeneration({
      clientId,
      endpointId,
      plan,
    }: {
      clientId: string;
      endpointId: string;
      plan: EndpointPlan;
    }): Promise<number> {
      const generation = plan.generation + 1;
      await tenants.forClient(clientId).endpoint.updateMany({
        where: { id: endpointId, generation: plan.generation },
        data: { generation },
      });
      return generation;
    },

    /** Puts on record what is true before anything is done, so that it is known whatever becomes of the work. */
    async recordBefore({ before, ...whose }: WhoseEvidence & { before: Evidence }): Promise<void> {
      await tenants.forClient(whose.clientId).$transaction((tx) => keepObserved(tx, whose, 'before', before));
    },

    /** Puts a snapshot on record: that it will be taken, and then that it was looked at and can be used. */
    async recordSnapshot({
      clientId,
      cycleId,
      endpointId,
      snapshotId: id,
      usable,
    }: {
      clientId: string;
      cycleId: string;
      endpointId: string;
      snapshotId: string;
      usable: boolean;
    }): Promise<void> {
      // The name is derived, so it may be of one that was deleted since.
      const anew = { deletionOrderedAt: null, deletedAt: null, missingSinceAt: null, because: [] };
      const seen = usable ? { takenAt: new Date(), verifiedAt: new Date(), ...anew } : {};
      await tenants.forClient(clientId).snapshotRecord.upsert({
        where: { id },
        create: { id, clientId, cycleId, endpointId, ...seen },
        update: seen,
      });
    },

    /** Records the end, its evidence and its reasons, in one transaction. */
    async closeEndpoint({ order, end }: { order: EndpointOrder; end: EndpointEnd }): Promise<void> {
      const { cycleId, endpointId, clientId } = order;
      const { db, policy } = await openCycleOf(tenants, cycleId);
      const now = new Date();
      const key = { cycleId_endpointId: { cycleId, endpointId } };
      const { patches } = await planOf(db, policy, cycleId, endpointId);
      const failures = failuresIn(patches, end);
      const atFault =
        end.outcome === 'skipped'
          ? await leftOutOf(tenants, cycleId, patches)
          : failures.filter(({ blamed }) => blamed).map(({ patch }) => patch);
      // Before the end itself is on record: if this dies between the two, others are stopped all the same.
      const failed = { clientId, cycleId, endpointId, failedAt: now.toISOString() };
      const counted = failures.map((failure) => ({ ...failure, ...failed }));
      await countFailures(tenants, counted, breakerEndpoints);
      await db.$transaction(async (tx) => {
        const row = await tx.cycleEndpoint.findUniqueOrThrow({ where: key });
        const started = row.startedAt?.toISOString() ?? '';
        await moveEndpoint(tx, order, end.outcome ?? 'waiting', {
          waitingFor: end.waitingFor,
          reasons: [...end.because],
          endedAt: end.outcome === null ? null : now,
          bootIdBefore: end.before?.bootId ?? null,
          bootIdAfter: end.after?.bootId ?? null,
          snapshotId: end.snapshotId,
          patchesAtFault: atFault.map(patchKey),
        });
        if (end.outcome === 'patched' || end.outcome === 'rolled_back' || end.outcome === 'quarantined')
          await tx.cyclePatch.updateMany({
            where: { cycleId, endpointId, ...isPlanned },
            data: { proven: end.outcome === 'patched' },
          });
        await keepEvidence(tx, order, end);
        await keepOperations(tx, order, end);
        await keepSnapshot(tx, order, end, { keepDays: policy.snapshot.keepDays, now });
        await appendAudit(tx, clientId, [
          {
            key: `${cycleId} ${endpointId} ${end.outcome ?? `waits for ${end.waitingFor}`} ${started}`,
            at: now.toISOString(),
            actor: 'patchcycle',
            action: end.outcome === null ? 'endpoint waits' : `endpoint ${end.outcome.replace('_', ' ')}`,
            subject: `${cycleId} ${endpointId}`,
            because: end.because,
            detail: { packagesAtFault: end.packagesAtFault, snapshotId: end.snapshotId },
          },
          ...personNeeded(order, { ...end, at: now }),
        ]);
      });
    },
  };
}

/**
 * The plan under the number of this attempt. An endpoint that was let go before the install left a snapshot, which is of
 * then: the next attempt takes one of its own. Opened again after a lost answer it is the same attempt.
 */
async function numbered(db: Database, order: EndpointOrder, plan: EndpointPlan): Promise<EndpointPlan> {
  const { cycleId, endpointId } = order;
  const { planDigest, generation } = plan;
  const attempt = 1 + (await db.snapshotRecord.count({ where: { cycleId, endpointId } }));
  return { ...plan, attempt, snapshotId: snapshotNameOf({ cycleId, endpointId, planDigest, generation, attempt }) };
}

/** The digest of what the newest change record says of an endpoint; null when none names it. */
async function recordedDigest(db: Database, cycleId: string, endpointId: string): Promise<string | null> {
  const records = await db.changeRecord.findMany({ where: { cycleId }, orderBy: { writtenAt: 'desc' } });
  const named = records
    .flatMap((record) => (record.content as unknown as ChangeRecordContent).rings)
    .flatMap((ring) => ring.endpoints)
    .find((endpoint) => endpoint.endpointId === endpointId);
  return named?.planDigest ?? null;
}
