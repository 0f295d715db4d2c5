/** Taking a patch out of a cycle: nothing of it starts any more, and a successor of the record carries the rest. */
import { patchName } from '../../domain/patch.ts';
import { idOf } from '../../domain/patches/breaker.ts';
import { columnsAfter, notAdmitted } from '../../domain/endpoints/saga.ts';
import { type Target, isPatch, targetInWords } from '../../domain/rollout/halt.ts';
import { excludedBySkip, excludedInWords, skippedInWords } from '../../domain/patches/excluded.ts';
import { appendAudit, orderEntry } from '../audit.ts';
import { skippedIn } from '../patches/excluded.ts';
import type { Database, Tenants, Transaction } from '../database.ts';
import { newestSuccessor } from '../cycles/successors.ts';
import { membersIn, statesInWords, targetOf } from './targets.ts';
import { clientIdOf, changeRecordId } from '../../domain/ids.ts';
import { type PatchId, patchKey } from '../../domain/patch.ts';
import { grouped } from '../../domain/grouped.ts';
import { wherePlanned, toPatch, patchOfRow } from '../endpoints/plans.ts';
import { mainRecord } from '../cycles/change-records.ts';
import { type OrderRequest, lockHalts } from './halts.ts';
import { orderRefused } from '../errors.ts';
import { lockSite, siteLockOptions } from '../sites/lock.ts';

/**
 * Takes a patch out of a cycle, for good: on record from the next permit on. Endpoints that carry it and have not
 * started end as skipped; what has started comes to its end as it would otherwise. Ordered again in the same words it
 * changes nothing.
 * @param name as the person names it: `openssl`, or `openssl=3.0.11-1`
 */
export async function skipPatch(
  tenants: Tenants,
  { cycleId, named, signOff, at }: OrderRequest,
  name: string,
): Promise<{ readonly because: string }> {
  const clientId = clientIdOf(cycleId);
  return tenants.forClient(clientId).$transaction(async (tx) => {
    await lockHalts(tx, cycleId);
    const because = skippedInWords({ skippedBy: signOff.who, reason: signOff.why });
    const known = (await skippedIn(tx, cycleId)).filter((patch) => isPatch(name, patchName(patch)));
    const fresh = (await carriedPatches(tx, cycleId, name)).filter(
      (patch) => !known.some((one) => patchKey(one) === patchKey(patch)),
    );
    if (known.length > 0 && fresh.length === 0) {
      const other = known.find(({ skippedBy, reason }) => skippedBy !== signOff.who || reason !== signOff.why);
      if (other) throw orderRefused(`${other.skippedBy} has skipped patch ${name} already: ${other.reason}`);
      return { because: `patch ${name} was ${because}` };
    }
    const target = await targetOf(tx, { cycleId, clientId }, named);
    await refuseTooLate(tx, cycleId, target);
    if (fresh.length === 0) throw orderRefused(await nothingLeft(tx, cycleId, target));
    await tx.skippedPatch.createMany({
      data: fresh.map((patch) => ({
        ...patch,
        cycleId,
        clientId,
        skippedBy: signOff.who,
        reason: signOff.why,
        skippedAt: new Date(at),
      })),
    });
    const ended = await endCarriers(tx, cycleId, new Date(at));
    await appendAudit(tx, clientId, [orderEntry('skip', cycleId, target, signOff, at)]);
    return { because: `${targetInWords(target)} ${because}; ${ended} endpoints that carry it are not started with it` };
  }, siteLockOptions);
}

/**
 * Ends the endpoints that have not started and were to get a patch that a person has skipped. One that is released
 * while it is worked on waits again: so this runs before any endpoint is started.
 */
export async function endCarriersOfSkippedPatches(db: Database, cycleId: string): Promise<void> {
  if ((await skippedIn(db, cycleId)).length === 0) return;
  await db.$transaction((tx) => endCarriers(tx, cycleId, new Date()), siteLockOptions);
}

async function endCarriers(tx: Transaction, cycleId: string, at: Date): Promise<number> {
  const skipped = new Map((await skippedIn(tx, cycleId)).map((patch) => [patchKey(patch), excludedBySkip(patch)]));
  const names = [...skipped.values()].map((patch) => patch.package);
  const rows = await tx.cycleEndpoint.findMany({
    where: {
      cycleId,
      ring: { not: null },
      state: { in: [...notAdmitted] },
      patches: { some: { ...wherePlanned, package: { in: names } } },
    },
    include: { patches: { where: wherePlanned } },
    orderBy: { siteId: 'asc' },
  });
  const carriers = rows.flatMap(({ endpointId, siteId, patches }) => {
    const set = patches.map((patch) => patchKey(idOf(toPatch(patch))));
    const excluded = set.flatMap((key) => skipped.get(key) ?? []);
    return excluded.length === 0 ? [] : [{ endpointId, siteId, excluded, setSize: set.length }];
  });
  // An admission under way has read which endpoints wait: it comes first, or finds them gone.
  for (const siteId of new Set(carriers.map((carrier) => carrier.siteId))) await lockSite(tx, siteId, []);
  let ended = 0;
  const ends = grouped(carriers, ({ excluded, setSize }) => JSON.stringify([excluded, excluded.length < setSize]));
  for (const alike of ends.values()) {
    const [{ excluded, setSize }] = alike as [(typeof alike)[number]];
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
        reasons: [...excludedInWords(excluded, setSize)],
        patchesAtFault: excluded.map(patchKey),
      },
    });
    ended += count;
  }
  return ended;
}

/** The patches of that name that an endpoint may still be started with. */
async function carriedPatches(tx: Transaction, cycleId: string, name: string): Promise<readonly PatchId[]> {
  const [packageName = name] = name.split('=');
  const inCycle = { ring: { not: null }, state: { not: 'ended' } };
  const rows = await tx.cyclePatch.findMany({ where: { cycleId, ...wherePlanned, package: packageName, inCycle } });
  const carried = rows.filter((row) => isPatch(name, patchOfRow(row))).map((row) => idOf(toPatch(row)));
  return [...new Map(carried.map((patch) => [patchKey(patch), patch])).values()];
}

/** A patch leaves a record that its cycle still carries out. */
async function refuseTooLate(tx: Transaction, cycleId: string, target: Target): Promise<void> {
  const what = targetInWords(target);
  const cycle = await tx.cycle.findUniqueOrThrow({ where: { id: cycleId } });
  if (cycle.state !== 'running')
    throw orderRefused(
      `${cycleId} has closed: its catch-ups start nothing more of ${what} once that is halted instead`,
    );
  const record = await mainRecord(tx, cycleId);
  if (!record) throw orderRefused(`${cycleId} has no change record yet that ${what} could leave: halt it meanwhile`);
  const successor = await newestSuccessor(tx, cycleId);
  if (successor?.openedAt && record.id !== changeRecordId(cycleId, successor.number))
    throw orderRefused(`a successor of the change record of ${cycleId} is being written: order it again in a minute`);
}

async function nothingLeft(tx: Transaction, cycleId: string, target: Target): Promise<string> {
  const cycle = await tx.cycle.findUniqueOrThrow({ where: { id: cycleId }, include: { policyVersion: true } });
  const members = await tx.cycleEndpoint.findMany({ where: membersIn(cycle, target) });
  return `nothing of ${targetInWords(target)} is left to skip: ${statesInWords(members)}`;
}
