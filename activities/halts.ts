/** Halts as rows: ordered, released, and read before anything is started. */
import { clientIdOf, type PersonsWord } from '../domain/cycle.ts';
import {
  type Halt,
  type NamedTarget,
  type Target,
  haltFor,
  haltInWords,
  haltOn,
  holdFor,
  targetInWords,
} from '../domain/halt.ts';
import { leftOutInWords } from '../domain/left-out.ts';
import type { Permit } from '../domain/operation.ts';
import type { Policy } from '../domain/policy.ts';
import { notAdmitted } from '../domain/endpoint-saga.ts';
import { appendAudit } from './audit-trail.ts';
import { leftOutNamed } from './left-out.ts';
import type { Database, Tenants, Transaction } from './ports/database.ts';
import { membersIn, refused, targetOf } from './targets.ts';
import { isPlanned } from './rows.ts';

export type PersonsOrder = {
  readonly cycleId: string;
  /** What it is about; nothing named is the whole cycle. */
  readonly named: NamedTarget;
  readonly word: PersonsWord;
  /** When it was given: one person may give the same order again. */
  readonly at: string;
};

export function haltActivities({ tenants }: { tenants: Tenants }) {
  return {
    /**
     * A permit for one effect, given after the halts, the stopped patches and the skipped ones were read. Spent within a
     * second or not at all. None of them refuses what finishes something that was started.
     */
    async issuePermit({
      clientId,
      cycleId,
      endpointId,
      siteId,
      patches,
      finishes,
    }: {
      clientId: string;
      cycleId: string;
      endpointId: string;
      siteId: string;
      /** What the effect installs or fetches: `openssl=3.0.11-1`. */
      patches: readonly string[];
      finishes: boolean;
    }): Promise<Permit | { readonly refusedBecause: readonly string[] }> {
      const db = tenants.forClient(clientId);
      const halts = finishes ? [] : await haltsInForce(db, cycleId);
      if (halts.length > 0) {
        const member = await db.cycleEndpoint.findUnique({ where: { cycleId_endpointId: { cycleId, endpointId } } });
        const halted = haltFor(halts, { cycleId, ring: member?.ring ?? null, siteId, endpointId, patches });
        if (halted) return { refusedBecause: halted.because };
      }
      const leftOut = finishes ? [] : await leftOutNamed(tenants, cycleId, patches);
      if (leftOut.length > 0) return { refusedBecause: leftOutInWords(leftOut, patches.length) };
      const issuedAt = new Date().toISOString();
      return { permitId: `${cycleId} ${issuedAt}`, issuedAt };
    },

    /**
     * Puts a halt on record: from the next permit on, nothing more of what it covers is submitted. Ordered again in the
     * same words it is the same halt.
     */
    async orderHalt({ cycleId, named, word, at }: PersonsOrder): Promise<{ readonly because: string }> {
      const clientId = clientIdOf(cycleId);
      const db = tenants.forClient(clientId);
      const target = await targetOf(db, { cycleId, clientId }, named);
      if (target.scope !== 'cycle') await refuseEnded(db, cycleId, target);
      await db.$transaction(async (tx) => {
        await lockHalts(tx, cycleId);
        if (await putHalt(tx, { cycleId, target, word, at })) return;
        const known = haltOn(await haltsOf(tx, cycleId), cycleId, target);
        if (known && !sameWord({ who: known.orderedBy, why: known.reason }, word))
          throw refused(`${known.orderedBy} has halted ${targetInWords(target)} already: ${known.reason}`);
      });
      return { because: haltInWords({ ...target, orderedBy: word.who, reason: word.why }) };
    },

    /** Releases the halt on exactly this target; others that cover it hold on. */
    async releaseHalt({ cycleId, named, word, at }: PersonsOrder): Promise<{ readonly because: string }> {
      const clientId = clientIdOf(cycleId);
      const db = tenants.forClient(clientId);
      const target = await targetOf(db, { cycleId, clientId }, named);
      const cycle = await db.cycle.findUnique({ where: { id: cycleId } });
      if (cycle?.state === 'cancelled') throw refused(`${cycleId} was cancelled; start a new cycle instead`);
      await db.$transaction(async (tx) => {
        await lockHalts(tx, cycleId);
        const rows = await tx.halt.findMany({ where: { clientId, cycleId, ...target }, orderBy: { orderedAt: 'asc' } });
        const inForce = rows.find((row) => row.releasedAt === null);
        const last = rows.at(-1);
        if (!inForce && last && sameWord({ who: last.releasedBy, why: last.releaseReason }, word)) return;
        if (!inForce) throw refused(await nothingToResume(tx, cycleId, target));
        const released = { releasedBy: word.who, releasedAt: new Date(at), releaseReason: word.why };
        await tx.halt.update({ where: { id: inForce.id }, data: released });
        await appendAudit(tx, clientId, [orderEntry('resume', cycleId, target, word, at)]);
      });
      return { because: `${targetInWords(target)} resumed by ${word.who}: ${word.why}` };
    },

    /**
     * What holds a ring that has members left to start, or the cycle between its rings (`ring` null), and for how many
     * seconds a person may still resume it; null when nothing does.
     */
    async holdOn({ cycleId, ring }: { cycleId: string; ring: string | null }): Promise<{
      readonly because: readonly string[];
      readonly secondsLeft: number;
    } | null> {
      const db = tenants.forClient(clientIdOf(cycleId));
      const halts = await haltsInForce(db, cycleId);
      const cycle = await db.cycle.findUnique({ where: { id: cycleId } });
      // Halted before it began: it asks again when it has something to hold.
      if (halts.length === 0 || !cycle) return null;
      const waiting = ring === null ? [] : await waitingIn(db, cycleId, ring);
      if (ring !== null && waiting.length === 0) return null;
      const patches = waiting.flatMap((row) => row.patches.map(patchName));
      const hold = holdFor(halts, { cycleId, ring, patches }, (cycle.policy as unknown as Policy).deadlineDays);
      if (!hold) return null;
      return { because: hold.because, secondsLeft: Math.ceil((Date.parse(hold.untilAt) - Date.now()) / 1000) };
    },
  };
}

/** The halts in force for a cycle, those of its whole client among them. */
export async function haltsInForce(db: Pick<Transaction, 'halt'>, cycleId: string): Promise<readonly Halt[]> {
  const rows = await db.halt.findMany({
    where: { releasedAt: null, OR: [{ cycleId: null }, { cycleId }] },
    orderBy: { orderedAt: 'asc' },
  });
  return rows.map(toHalt);
}

/** A patch of a plan as halts name it. */
export function patchName(patch: { readonly package: string; readonly toVersion: string }): string {
  return `${patch.package}=${patch.toVersion}`;
}

/** An order in the audit: who gave it, what it is about, and why. */
export function orderEntry(action: string, cycleId: string, target: Target, word: PersonsWord, at: string) {
  const subject = target.scope === 'cycle' ? cycleId : `${cycleId} ${targetInWords(target)}`;
  return {
    key: `${cycleId} ${action} ${target.scope} ${target.subject} by ${word.who} at ${at}`,
    at,
    actor: word.who,
    action,
    subject,
    because: [word.why],
  };
}

/** Puts a halt on record, where none is on this target. False when there is one: that one holds. */
export async function putHalt(
  tx: Transaction,
  { cycleId, target, word, at }: { cycleId: string; target: Target; word: PersonsWord; at: string },
): Promise<boolean> {
  if (haltOn(await haltsOf(tx, cycleId), cycleId, target)) return false;
  const clientId = clientIdOf(cycleId);
  const id = `${cycleId} halt ${target.scope} ${target.subject} at ${at}`;
  // Told again after somebody has released it: the order was carried out, and is no new one.
  if ((await tx.halt.count({ where: { id } })) > 0) return false;
  const ordered = { orderedBy: word.who, reason: word.why, orderedAt: new Date(at) };
  await tx.halt.create({ data: { id, clientId, cycleId, ...target, ...ordered } });
  await appendAudit(tx, clientId, [orderEntry('halt', cycleId, target, word, at)]);
  return true;
}

/** Orders about one cycle wait for each other, so that there is one halt, or one roll-back, for a target at a time. */
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

function sameWord(one: { who: string | null; why: string | null }, other: PersonsWord): boolean {
  return one.who === other.who && one.why === other.why;
}

/** A part of a cycle of which everything has ended is past halting. */
async function refuseEnded(db: Database, cycleId: string, target: Target): Promise<void> {
  const cycle = await db.cycle.findUniqueOrThrow({ where: { id: cycleId }, include: { policyVersion: true } });
  const members = await db.cycleEndpoint.findMany({ where: membersIn(cycle, target) });
  if (members.length === 0 || members.some((member) => member.state !== 'ended')) return;
  throw refused(`${targetInWords(target)} has ended in ${cycleId}: nothing of it is left to halt`);
}

async function nothingToResume(tx: Transaction, cycleId: string, target: Target): Promise<string> {
  const others = (await haltsOf(tx, cycleId)).filter((halt) => halt.releasedAt === null);
  const nothing = `nothing to resume: no halt of ${targetInWords(target)} is in force`;
  if (others.length === 0) return nothing;
  return `${nothing}; in force are: ${others.map(haltInWords).join(', ')}`;
}

async function waitingIn(db: Database, cycleId: string, ring: string) {
  return db.cycleEndpoint.findMany({
    where: { cycleId, ring, state: { in: [...notAdmitted] } },
    include: { patches: { where: isPlanned } },
  });
}
