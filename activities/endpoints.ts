/** What is known of one endpoint while it is worked on, and how it ended. */
import { type EndpointEnd, type EndpointOrder, type EndpointPlan } from '../domain/cycle.ts';
import { appendAudit, digestOf, toJson } from './audit-trail.ts';
import { planOf } from './install-plans.ts';
import type { ChangeRecordContent } from './change-records.ts';
import type { Database, Tenants, Transaction } from './ports/database.ts';
import { openCycleOf } from './rows.ts';

export function endpointActivities({ tenants }: { tenants: Tenants }) {
  return {
    async openEndpoint(order: EndpointOrder): Promise<EndpointPlan> {
      const { db, policy } = await openCycleOf(tenants, order.cycleId);
      const plan = await planOf(db, policy, order.cycleId, order.endpointId);
      const { cycleId, endpointId } = order;
      await db.cycleEndpoint.update({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        data: { state: 'in flight', startedAt: new Date(), generation: plan.generation, waitingFor: null, reasons: [] },
      });
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
      const seen = usable ? { takenAt: new Date(), verifiedAt: new Date() } : {};
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
      await db.$transaction(async (tx) => {
        const row = await tx.cycleEndpoint.findUniqueOrThrow({ where: key });
        const started = row.startedAt?.toISOString() ?? '';
        await tx.cycleEndpoint.update({
          where: key,
          data: {
            state: end.outcome === null ? 'waiting' : 'ended',
            outcome: end.outcome,
            waitingFor: end.waitingFor,
            reasons: [...end.because],
            endedAt: end.outcome === null ? null : now,
            bootIdBefore: end.before?.bootId ?? null,
            bootIdAfter: end.after?.bootId ?? null,
            snapshotId: end.snapshotId,
          },
        });
        if (end.outcome === 'patched' || end.outcome === 'rolled_back' || end.outcome === 'quarantined')
          await tx.cyclePatch.updateMany({
            where: { cycleId, endpointId, decision: { in: ['approved', 'added'] } },
            data: { proven: end.outcome === 'patched' },
          });
        await keepEvidence(tx, order, end);
        await keepOperations(tx, order, end);
        if (end.snapshotId) await keepSnapshot(tx, order, end, end.snapshotId, policy.snapshot.keepDays, now);
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
        ]);
      });
    },
  };
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

async function keepEvidence(tx: Transaction, order: EndpointOrder, end: EndpointEnd): Promise<void> {
  const { cycleId, endpointId, clientId } = order;
  const seen = [
    { kind: 'before', evidence: end.before },
    { kind: end.outcome === 'rolled_back' ? 'restored' : 'after', evidence: end.after },
  ];
  for (const { kind, evidence } of seen) {
    if (!evidence) continue;
    const id = `${cycleId}/${endpointId}/${kind}/${evidence.observedAt}`;
    const row = { clientId, cycleId, endpointId, kind, takenAt: new Date(evidence.observedAt) };
    const content = toJson(evidence);
    await tx.evidence.upsert({
      where: { id },
      create: { id, ...row, content, digest: digestOf(content) },
      update: {},
    });
  }
}

/** The agent's own account of each operation, with the end of the package manager's output. */
async function keepOperations(tx: Transaction, order: EndpointOrder, end: EndpointEnd): Promise<void> {
  const { cycleId, endpointId, clientId } = order;
  await tx.evidence.createMany({
    skipDuplicates: true,
    data: end.operations.map((report) => ({
      id: report.operationId,
      clientId,
      cycleId,
      endpointId,
      kind: 'operation',
      takenAt: new Date(report.endedAt ?? report.startedAt),
      content: toJson(report),
      digest: digestOf(report),
    })),
  });
}

async function keepSnapshot(
  tx: Transaction,
  order: EndpointOrder,
  end: EndpointEnd,
  id: string,
  keepDays: number,
  now: Date,
): Promise<void> {
  const { cycleId, endpointId, clientId } = order;
  const restored = end.outcome === 'rolled_back' ? { restoredAt: now } : {};
  // A snapshot that may be the only way back has no end.
  const keepUntilAt = end.outcome === 'patched' ? new Date(now.getTime() + keepDays * 24 * 60 * 60 * 1000) : null;
  const row = { keepUntilAt, ...restored, evidenceOfFailedState: end.evidenceOfFailedState };
  await tx.snapshotRecord.upsert({
    where: { id },
    create: { id, clientId, cycleId, endpointId, ...row },
    update: row,
  });
}
