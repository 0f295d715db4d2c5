/** Taking a patch out of a cycle: nothing of it starts any more, and a successor of the record carries the rest. */
import { idOf, patchKey, type PatchId } from '../domain/breaker.ts';
import { clientIdOf } from '../domain/cycle.ts';
import { columnsAfter, notAdmitted } from '../domain/endpoint-saga.ts';
import { type Target, isPatch, targetInWords } from '../domain/halt.ts';
import { leftOutBySkip, leftOutInWords, skippedInWords } from '../domain/left-out.ts';
import { appendAudit } from './audit-trail.ts';
import { type PersonsOrder, lockHalts, orderEntry, patchName } from './halts.ts';
import { skippedIn } from './left-out.ts';
import { toPatch } from './patch-sets.ts';
import type { Database, Tenants, Transaction } from './ports/database.ts';
import { grouped, isPlanned } from './rows.ts';
import { lockSite, sitePatience } from './site-budgets.ts';
import { mainRecord, newestSuccessor } from './successors.ts';
import { membersIn, refused, statesInWords, targetOf } from './targets.ts';

/**
 * Takes a patch out of a cycle, for good: on record from the next permit on. Who carries it and has not started ends as
 * skipped; what has started comes to its end as it would otherwise. Ordered again in the same words it changes nothing.
 * @param name as the person names it: `openssl`, or `openssl=3.0.11-1`
 */
export async function skipPatch(
  tenants: Tenants,
  { cycleId, named, word, at }: PersonsOrder,
  name: string,
): Promise<{ readonly because: string }> {
  const clientId = clientIdOf(cycleId);
  return tenants.forClient(clientId).$transaction(async (tx) => {
    await lockHalts(tx, cycleId);
    const because = skippedInWords({ skippedBy: word.who, reason: word.why });
    const known = (await skippedIn(tx, cycleId)).filter((patch) => isPatch(name, nameOf(patch)));
    const fresh = (await carriedPatches(tx, cycleId, name)).filter(
      (patch) => !known.some((one) => patchKey(one) === patchKey(patch)),
    );
    if (known.length > 0 && fresh.length === 0) {
      const other = known.find(({ skippedBy, reason }) => skippedBy !== word.who || reason !== word.why);
      if (other) throw refused(`${other.skippedBy} has skipped patch ${name} already: ${other.reason}`);
      return { because: `patch ${name} was ${because}` };
    }
    const target = await targetOf(tx, { cycleId, clientId }, named);
    await refuseTooLate(tx, cycleId, target);
    if (fresh.length === 0) throw refused(await nothingLeft(tx, cycleId, target));
    await tx.skippedPatch.createMany({
      data: fresh.map((patch) => ({
        ...patch,
        cycleId,
        clientId,
        skippedBy: word.who,
        reason: word.why,
        skippedAt: new Date(at),
      })),
    });
    const ended = await endCarriers(tx, cycleId, new Date(at));
    await appendAudit(tx, clientId, [orderEntry('skip', cycleId, target, word, at)]);
    return { because: `${targetInWords(target)} ${because}; ${ended} endpoints that carry it are not started with it` };
  }, sitePatience);
}

/**
 * Ends whoever has not started and was to get a patch that a person has skipped. Who is let go while it is worked on waits
 * again: so this is asked before anybody is started.
 */
export async function endWhoCarriesSkipped(db: Database, cycleId: string): Promise<void> {
  if ((await skippedIn(db, cycleId)).length === 0) return;
  await db.$transaction((tx) => endCarriers(tx, cycleId, new Date()), sitePatience);
}

async function endCarriers(tx: Transaction, cycleId: string, at: Date): Promise<number> {
  const skipped = new Map((await skippedIn(tx, cycleId)).map((patch) => [patchKey(patch), leftOutBySkip(patch)]));
  const names = [...skipped.values()].map((patch) => patch.package);
  const rows = await tx.cycleEndpoint.findMany({
    where: {
      cycleId,
      ring: { not: null },
      state: { in: [...notAdmitted] },
      patches: { some: { ...isPlanned, package: { in: names } } },
    },
    include: { patches: { where: isPlanned } },
    orderBy: { siteId: 'asc' },
  });
  const carriers = rows.flatMap(({ endpointId, siteId, patches }) => {
    const set = patches.map((patch) => patchKey(idOf(toPatch(patch))));
    const leftOut = set.flatMap((key) => skipped.get(key) ?? []);
    return leftOut.length === 0 ? [] : [{ endpointId, siteId, leftOut, setSize: set.length }];
  });
  // An admission under way has read who waits: it comes first, or finds them gone.
  for (const siteId of new Set(carriers.map((carrier) => carrier.siteId))) await lockSite(tx, siteId, []);
  let ended = 0;
  const ends = grouped(carriers, ({ leftOut, setSize }) => JSON.stringify([leftOut, leftOut.length < setSize]));
  for (const alike of ends.values()) {
    const [{ leftOut, setSize }] = alike as [(typeof alike)[number]];
    const { count } = await tx.cycleEndpoint.updateMany({
      where: {
        cycleId,
        endpointId: { in: alike.map(({ endpointId }) => endpointId) },
        state: { in: [...notAdmitted] },
      },
      data: {
        ...columnsAfter(notAdmitted, 'skipped'),
        waitingFor: null,
        endedAt: at,
        reasons: [...leftOutInWords(leftOut, setSize)],
        patchesAtFault: leftOut.map(patchKey),
      },
    });
    ended += count;
  }
  return ended;
}

/** The patches of that name that somebody may still be started with. */
async function carriedPatches(tx: Transaction, cycleId: string, name: string): Promise<readonly PatchId[]> {
  const [packageName = name] = name.split('=');
  const inCycle = { ring: { not: null }, state: { not: 'ended' } };
  const rows = await tx.cyclePatch.findMany({ where: { cycleId, ...isPlanned, package: packageName, inCycle } });
  const carried = rows.filter((row) => isPatch(name, patchName(row))).map((row) => idOf(toPatch(row)));
  return [...new Map(carried.map((patch) => [patchKey(patch), patch])).values()];
}

/** A patch leaves a record that its cycle still carries out. */
async function refuseTooLate(tx: Transaction, cycleId: string, target: Target): Promise<void> {
  const what = targetInWords(target);
  const cycle = await tx.cycle.findUniqueOrThrow({ where: { id: cycleId } });
  if (cycle.state !== 'running')
    throw refused(`${cycleId} has closed: its catch-ups start nothing more of ${what} once that is halted instead`);
  const record = await mainRecord(tx, cycleId);
  if (!record) throw refused(`${cycleId} has no change record yet that ${what} could leave: halt it meanwhile`);
  const successor = await newestSuccessor(tx, cycleId);
  if (successor?.openedAt && record.id !== `${cycleId}/record-${successor.number + 1}`)
    throw refused(`a successor of the change record of ${cycleId} is being written: order it again in a minute`);
}

async function nothingLeft(tx: Transaction, cycleId: string, target: Target): Promise<string> {
  const cycle = await tx.cycle.findUniqueOrThrow({ where: { id: cycleId }, include: { policyVersion: true } });
  const members = await tx.cycleEndpoint.findMany({ where: membersIn(cycle, target) });
  return `nothing of ${targetInWords(target)} is left to skip: ${statesInWords(members)}`;
}

function nameOf({ package: name, version }: PatchId): string {
  return `${name}=${version}`;
}
