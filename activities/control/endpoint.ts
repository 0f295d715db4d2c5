/** What is known of one endpoint while it is worked on, and how it ended. */
import { stateInWords } from '../../domain/endpoints/saga.ts';
import { patchKey } from '../../domain/patch.ts';
import { defaultEndpointsAtLeast, failuresIn } from '../../domain/patches/breaker.ts';
import type { ChangeRecordContent } from '../../domain/patches/change-record.ts';
import type { EndpointInput, EndpointPlan } from '../../domain/rollout/cycle.ts';
import type { Evidence } from '../../domain/endpoints/evidence.ts';
import { excludedInWords } from '../../domain/patches/excluded.ts';
import { appendAudit } from '../../record/audit.ts';
import { countFailures } from '../../record/patches/breaker.ts';
import {
  type EvidenceSubject,
  keepEvidence,
  keepObserved,
  keepOperations,
  keepSnapshot,
  personNeeded,
} from '../../record/endpoints/evidence.ts';
import { excludedFrom } from '../../record/patches/excluded.ts';
import type { Database, Tenants } from '../../record/database.ts';
import { readCycle } from '../../record/cycle.ts';
import { moveEndpoint } from '../../record/endpoints/states.ts';
import type { EndpointEnd } from '../../domain/endpoints/end.ts';
import { snapshotNameOf } from '../../record/names.ts';
import { wherePlanned, planOf } from '../../record/endpoints/plans.ts';
import { bound } from '../bound.ts';

type Ports = {
  tenants: Tenants;
  breakerEndpoints?: number;
};

export function endpointActivities(ports: Ports) {
  return bound(ports, {
    openEndpoint,
    raiseGeneration,
    recordBefore,
    recordSnapshot,
    closeEndpoint,
  });
}

async function openEndpoint({ tenants }: Ports, input: EndpointInput): Promise<EndpointPlan> {
  const { db, policy } = await readCycle(tenants, input.cycleId);
  const { cycleId, endpointId } = input;
  const plan = await numbered(db, input, await planOf(db, policy, cycleId, endpointId));
  const { generation, snapshotId } = plan;
  await db.$transaction((tx) =>
    moveEndpoint(tx, input, 'in flight', {
      startedAt: new Date(),
      generation,
      snapshotId,
      waitingFor: null,
      reasons: [],
    }),
  );
  const excluded = await excludedFrom(tenants, cycleId, plan.patches);
  if (excluded.length > 0) {
    const because = excludedInWords(excluded, plan.patches.length);
    return { ...plan, patches: [], withoutPatches: { outcome: 'skipped', because } };
  }
  const recorded = await recordedDigest(db, cycleId, endpointId);
  if (recorded === plan.planDigest) return plan;
  const because = ['its plan is not the one in the change record'];
  return { ...plan, patches: [], withoutPatches: { outcome: 'skipped', because } };
}

/**
 * Raises the endpoint's generation before a restore, so that a caller who still speaks of the failed state is refused.
 * Raised once for a plan: asked again it answers the same.
 */
async function raiseGeneration(
  { tenants }: Ports,
  {
    clientId,
    endpointId,
    plan,
  }: {
    clientId: string;
    endpointId: string;
    plan: EndpointPlan;
  },
): Promise<number> {
  const generation = plan.generation + 1;
  await tenants.forClient(clientId).endpoint.updateMany({
    where: { id: endpointId, generation: plan.generation },
    data: { generation },
  });
  return generation;
}

/** Puts on record what is true before anything is done, so that it is known whatever becomes of the work. */
async function recordBefore(
  { tenants }: Ports,
  { before, ...subject }: EvidenceSubject & { before: Evidence },
): Promise<void> {
  await tenants.forClient(subject.clientId).$transaction((tx) => keepObserved(tx, subject, 'before', before));
}

/** Puts a snapshot on record: that it will be taken, and then that it was looked at and can be used. */
async function recordSnapshot(
  { tenants }: Ports,
  {
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
  },
): Promise<void> {
  // The name is derived, so it may be of one that was deleted since.
  const cleared = { deletionOrderedAt: null, deletedAt: null, missingSinceAt: null, because: [] };
  const seen = usable ? { takenAt: new Date(), verifiedAt: new Date(), ...cleared } : {};
  await tenants.forClient(clientId).snapshotRecord.upsert({
    where: { id },
    create: { id, clientId, cycleId, endpointId, ...seen },
    update: seen,
  });
}

/** Records the end, its evidence and its reasons, in one transaction. */
async function closeEndpoint(
  { tenants, breakerEndpoints = defaultEndpointsAtLeast }: Ports,
  { input, end }: { input: EndpointInput; end: EndpointEnd },
): Promise<void> {
  const { cycleId, endpointId, clientId } = input;
  const { db, policy } = await readCycle(tenants, cycleId);
  const now = new Date();
  const key = { cycleId_endpointId: { cycleId, endpointId } };
  const { patches } = await planOf(db, policy, cycleId, endpointId);
  const failures = failuresIn(patches, end);
  const atFault =
    end.outcome === 'skipped'
      ? await excludedFrom(tenants, cycleId, patches)
      : failures.filter(({ blamed }) => blamed).map(({ patch }) => patch);
  // Before the end itself is on record: if this dies between the two, others are stopped all the same.
  const failed = { clientId, cycleId, endpointId, failedAt: now.toISOString() };
  const counted = failures.map((failure) => ({ ...failure, ...failed }));
  await countFailures(tenants, counted, breakerEndpoints);
  await db.$transaction(async (tx) => {
    const row = await tx.cycleEndpoint.findUniqueOrThrow({ where: key });
    const started = row.startedAt?.toISOString() ?? '';
    await moveEndpoint(tx, input, end.outcome ?? 'waiting', {
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
        where: { cycleId, endpointId, ...wherePlanned },
        data: { proven: end.outcome === 'patched' },
      });
    await keepEvidence(tx, input, end);
    await keepOperations(tx, input, end);
    await keepSnapshot(tx, input, end, { keepDays: policy.snapshot.keepDays, now });
    await appendAudit(tx, clientId, [
      {
        key: `${cycleId} ${endpointId} ${end.outcome ?? `waits for ${end.waitingFor}`} ${started}`,
        at: now.toISOString(),
        actor: 'patchcycle',
        action: end.outcome === null ? 'endpoint waits' : `endpoint ${stateInWords(end.outcome)}`,
        subject: `${cycleId} ${endpointId}`,
        because: end.because,
        detail: { packagesAtFault: end.packagesAtFault, snapshotId: end.snapshotId },
      },
      ...personNeeded(input, { ...end, at: now }),
    ]);
  });
}

/**
 * The plan under the number of this attempt. An endpoint that was let go before the install left a snapshot, which is
 * of then: the next attempt takes one of its own. Opened again after a lost answer it is the same attempt.
 */
async function numbered(db: Database, input: EndpointInput, plan: EndpointPlan): Promise<EndpointPlan> {
  const { cycleId, endpointId } = input;
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
