/** Halts as rows: ordered, released, and read before anything is started. */
import {
  type NamedTarget,
  type Halt,
  type Target,
  haltOn,
  targetInWords,
  haltInWords,
  haltFor,
} from '../../domain/rollout/halt.ts';
import type { SignOff } from '../../domain/rollout/cycle.ts';
import type { Transaction, Database, Tenants } from '../database.ts';
import { clientIdOf } from '../../domain/ids.ts';
import { appendAudit, orderEntry } from '../audit.ts';
import { membersIn, targetOf } from './targets.ts';
import { notAdmitted } from '../../domain/endpoints/saga.ts';
import { wherePlanned, patchOfRow } from '../endpoints/plans.ts';
import { orderRefused } from '../errors.ts';
import { grouped } from '../../domain/grouped.ts';

export type OrderRequest = {
  readonly cycleId: string;
  /** What it is about; nothing named is the whole cycle. */
  readonly named: NamedTarget;
  readonly signOff: SignOff;
  /** When it was given: one person may give the same order again. */
  readonly at: string;
};

/**
 * Puts a halt on record: from the next permit on, nothing more of what it covers is submitted. Ordered again in the
 * same words it is the same halt.
 */
export async function orderHalt(
  tenants: Tenants,
  { cycleId, named, signOff, at }: OrderRequest,
): Promise<{ readonly because: string }> {
  const clientId = clientIdOf(cycleId);
  const db = tenants.forClient(clientId);
  const target = await targetOf(db, { cycleId, clientId }, named);
  if (target.scope !== 'cycle') await refuseEnded(db, cycleId, target);
  await db.$transaction(async (tx) => {
    await lockHalts(tx, cycleId);
    if (await putHalt(tx, { cycleId, target, signOff, at })) return;
    const known = haltOn(await haltsOf(tx, cycleId), cycleId, target);
    if (known && !isSameSignOff({ who: known.orderedBy, why: known.reason }, signOff))
      throw orderRefused(`${known.orderedBy} has halted ${targetInWords(target)} already: ${known.reason}`);
  });
  return { because: haltInWords({ ...target, orderedBy: signOff.who, reason: signOff.why }) };
}

/** Releases the halt on exactly this target; others that cover it hold on. */
export async function orderResume(
  tenants: Tenants,
  { cycleId, named, signOff, at }: OrderRequest,
): Promise<{ readonly because: string }> {
  const clientId = clientIdOf(cycleId);
  const db = tenants.forClient(clientId);
  const target = await targetOf(db, { cycleId, clientId }, named);
  const cycle = await db.cycle.findUnique({ where: { id: cycleId } });
  if (cycle?.state === 'cancelled') throw orderRefused(`${cycleId} was cancelled; start a new cycle instead`);
  await db.$transaction(async (tx) => {
    await lockHalts(tx, cycleId);
    const rows = await tx.halt.findMany({ where: { clientId, cycleId, ...target }, orderBy: { orderedAt: 'asc' } });
    const inForce = rows.find((row) => row.releasedAt === null);
    const last = rows.at(-1);
    if (!inForce && last && isSameSignOff({ who: last.releasedBy, why: last.releaseReason }, signOff)) return;
    if (!inForce) throw orderRefused(await nothingToResume(tx, cycleId, target));
    const released = { releasedBy: signOff.who, releasedAt: new Date(at), releaseReason: signOff.why };
    await tx.halt.update({ where: { id: inForce.id }, data: released });
    await appendAudit(tx, clientId, [orderEntry('resume', cycleId, target, signOff, at)]);
  });
  return { because: `${targetInWords(target)} resumed by ${signOff.who}: ${signOff.why}` };
}

/** The halts in force for a cycle, those of its whole client among them. */
export async function haltsInForce(db: Pick<Transaction, 'halt'>, cycleId: string): Promise<readonly Halt[]> {
  const rows = await db.halt.findMany({
    where: { releasedAt: null, OR: [{ cycleId: null }, { cycleId }] },
    orderBy: { orderedAt: 'asc' },
  });
  return rows.map(toHalt);
}

/** Puts a halt on record, where none is on this target. False when there is one: that one holds. */
export async function putHalt(
  tx: Transaction,
  { cycleId, target, signOff, at }: { cycleId: string; target: Target; signOff: SignOff; at: string },
): Promise<boolean> {
  if (haltOn(await haltsOf(tx, cycleId), cycleId, target)) return false;
  const clientId = clientIdOf(cycleId);
  const id = `${cycleId} halt ${target.scope} ${target.subject} at ${at}`;
  // Told again after somebody has released it: the order was carried out, and is no new one.
  if ((await tx.halt.count({ where: { id } })) > 0) return false;
  const ordered = { orderedBy: signOff.who, reason: signOff.why, orderedAt: new Date(at) };
  await tx.halt.create({ data: { id, clientId, cycleId, ...target, ...ordered } });
  await appendAudit(tx, clientId, [orderEntry('halt', cycleId, target, signOff, at)]);
  return true;
}

/** Orders about one cycle wait for each other, so that there is one halt, or one rollback, for a target at a time. */
export async function lockHalts(tx: Transaction, cycleId: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('halts'), hashtext(${cycleId}))`;
}

async function haltsOf(tx: Transaction, cycleId: string): Promise<readonly Halt[]> {
  return (await tx.halt.findMany({ where: { cycleId } })).map(toHalt);
}

function toHalt(row: {
  cycleId: string | null;
  scope: string;
  subject: string;
  orderedBy: string;
  reason: string;
  orderedAt: Date;
  releasedAt: Date | null;
}): Halt {
  return {
    cycleId: row.cycleId,
    scope: row.scope as Target['scope'],
    subject: row.subject,
    orderedBy: row.orderedBy,
    reason: row.reason,
    orderedAt: row.orderedAt.toISOString(),
    releasedAt: row.releasedAt?.toISOString() ?? null,
  };
}

function isSameSignOff(one: { who: string | null; why: string | null }, other: SignOff): boolean {
  return one.who === other.who && one.why === other.why;
}

/** A part of a cycle of which everything has ended is past halting. */
async function refuseEnded(db: Database, cycleId: string, target: Target): Promise<void> {
  const cycle = await db.cycle.findUniqueOrThrow({ where: { id: cycleId }, include: { policyVersion: true } });
  const members = await db.cycleEndpoint.findMany({ where: membersIn(cycle, target) });
  if (members.length === 0 || members.some((member) => member.state !== 'ended')) return;
  throw orderRefused(`${targetInWords(target)} has ended in ${cycleId}: nothing of it is left to halt`);
}

async function nothingToResume(tx: Transaction, cycleId: string, target: Target): Promise<string> {
  const others = (await haltsOf(tx, cycleId)).filter((halt) => halt.releasedAt === null);
  const nothing = `nothing to resume: no halt of ${targetInWords(target)} is in force`;
  if (others.length === 0) return nothing;
  return `${nothing}; in force are: ${others.map(haltInWords).join(', ')}`;
}

export async function waitingIn(db: Database, cycleId: string, ring: string) {
  return db.cycleEndpoint.findMany({
    where: { cycleId, ring, state: { in: [...notAdmitted] } },
    include: { patches: { where: wherePlanned } },
  });
}

/** Those of a cycle's endpoints that a halt covers, and who gave it why. */
export async function haltedAmong(
  db: Transaction,
  cycleId: string,
  members: readonly Member[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const halts = await haltsInForce(db, cycleId);
  if (halts.length === 0) return new Map();
  const patches = await db.cyclePatch.findMany({
    where: {
      cycleId,
      endpointId: { in: members.map((member) => member.endpointId) },
      ...wherePlanned,
    },
    select: { endpointId: true, package: true, toVersion: true },
  });
  const patchesOf = grouped(patches, (patch) => patch.endpointId);
  return new Map(
    members.flatMap(({ endpointId, siteId, ring }) => {
      const own = (patchesOf.get(endpointId) ?? []).map(patchOfRow);
      const halted = haltFor(halts, { cycleId, ring, siteId, endpointId, patches: own });
      return halted ? [[endpointId, halted.because] as const] : [];
    }),
  );
}

export type Member = {
  readonly cycleId: string;
  readonly endpointId: string;
  readonly siteId: string;
  readonly ring: string | null;
};
