/**
 * Change records that follow another in the same cycle, without the patches that left it (rule 12:
 * docs/rules.md#rule-12).
 */
import { successorId } from '../../domain/ids.ts';
import { idOf, patchInWords } from '../../domain/patches/breaker.ts';
import { atWork } from '../../domain/rollout/budget.ts';
import type { ChangeRecordContent } from '../../domain/patches/change-record.ts';
import type { CycleInput, SignOff } from '../../domain/rollout/cycle.ts';
import { columnsAfter, notBegun, notAdmitted, type EndpointOutcome } from '../../domain/endpoints/saga.ts';
import { listed } from '../../domain/words.ts';
import { type RecordMember, type Successor, judgeSuccessor, successorOf } from '../../domain/rollout/successor.ts';
import { appendAudit, toJson, orderEntry } from '../audit.ts';
import { skippedIn } from '../patches/excluded.ts';
import type { Database, Tenants, Transaction } from '../database.ts';
import { readCycle } from '../cycle.ts';
import { type PatchId, patchKey } from '../../domain/patch.ts';
import { wherePlanned, toPatch } from '../endpoints/plans.ts';
import { mainRecord } from './change-records.ts';
import { RecordRefusal } from '../errors.ts';

type CycleRead = Awaited<ReturnType<typeof readCycle>>;

/** An endpoint of a successor, as its row keeps it. */
type KeptMember = Successor['members'][number] & { readonly earlierOutcome: string | null };

/**
 * Takes the bad patches out of the cycle, and opens the endpoints of the successor again for the rest. Done again it
 * changes nothing. `word` is the sign-off of the person who let it continue; null where no person was asked.
 */
export async function openSuccessor(
  tenants: Tenants,
  {
    cycleId,
    signOff,
    at,
  }: {
    cycleId: string;
    signOff: SignOff | null;
    at: string;
  },
): Promise<{ readonly because: readonly string[] }> {
  const { db, cycle } = await readCycle(tenants, cycleId);
  const kept = await newestSuccessor(db, cycleId);
  if (!kept) throw new RecordRefusal('SuccessorUnknown', `${cycleId} has no successor to open`);
  const because = [...kept.because, ...(signOff ? [`let go on by ${signOff.who}: ${signOff.why}`] : [])];
  if (kept.openedAt) return { because };
  const dropped = kept.dropped as unknown as readonly PatchId[];
  const members = kept.members as unknown as readonly KeptMember[];
  await db.$transaction(async (tx) => {
    await dropPatches(tx, cycleId, dropped, kept.because);
    await endMembersWithoutPatches(tx, cycleId, members, dropped);
    for (const member of members) await openAgain(tx, cycleId, member);
    await tx.successor.update({ where: { id: kept.id }, data: { openedAt: new Date(at) } });
    const whole = { scope: 'cycle', subject: cycleId } as const;
    await appendAudit(tx, cycle.clientId, [
      ...(signOff ? [orderEntry('go on', cycleId, whole, signOff, at)] : []),
      {
        key: `${kept.id} opened`,
        at,
        actor: signOff?.who ?? 'patchcycle',
        action: 'go on without',
        subject: kept.parentId,
        because,
        detail: { dropped: dropped.map(patchKey), endpoints: members.length },
      },
    ]);
  });
  return { because };
}

/** Judges whether the record of a ring has a successor, and keeps it until it is carried out or judged again. */
export async function proposeSuccessor(
  { db, cycle, policy }: CycleRead,
  judged: {
    readonly ring: string;
    readonly verdict: 'advance' | 'hold' | 'halt';
    readonly healthDataPresent: boolean;
    /** What failed after it had been verified, and the patches that points to, by `patchKey`. */
    readonly regressed: ReadonlyMap<string, readonly string[]>;
  },
): Promise<Successor['goesOn']> {
  const { id: cycleId, clientId } = cycle;
  const made = successorOf(judged.ring);
  const parent = await mainRecord(db, cycleId);
  if (!parent) return 'no';
  const { rings } = parent.content as unknown as ChangeRecordContent;
  const rows = await db.cycleEndpoint.findMany({
    where: { cycleId, ring: { not: null } },
    include: { patches: { where: wherePlanned } },
    orderBy: { endpointId: 'asc' },
  });
  const ofRecord = rows.filter((row) => successorOf(row.ring ?? '') === made);
  const successor = judgeSuccessor({
    verdict: judged.verdict,
    isLastRing: rings.at(-1)?.ring === judged.ring,
    made,
    afterHalt: policy.afterHalt ?? 'stop',
    skipped: await skippedIn(db, cycleId),
    healthDataPresent: judged.healthDataPresent,
    members: ofRecord.map((row) => memberOf(row, judged.regressed.get(row.endpointId))),
  });
  if (successor.goesOn === 'no') return 'no';
  const earlier = new Map(ofRecord.map((row) => [row.endpointId, row.outcome]));
  const members = successor.members.map((member): KeptMember => ({
    ...member,
    earlierOutcome: earlier.get(member.endpointId) ?? null,
  }));
  const number = made + 1;
  const id = successorId(cycleId, number);
  const decided = {
    because: [...successor.because],
    dropped: toJson(successor.dropped),
    members: toJson(members),
    judgedAt: new Date(),
  };
  await db.successor.upsert({
    where: { id },
    create: { id, cycleId, clientId, number, parentId: parent.id, ...decided },
    update: decided,
  });
  return successor.goesOn;
}

/** The successor that was judged last; null when the cycle has none. */
export function newestSuccessor(db: Transaction, cycleId: CycleInput['cycleId']) {
  return db.successor.findFirst({ where: { cycleId }, orderBy: { number: 'desc' } });
}

/**
 * Ends those of a successor that no ring will start any more as they had ended before: rolled back stays rolled back,
 * whatever was meant for them afterwards.
 */
export async function restoreEarlierEnds(
  db: Pick<Database, 'cycleEndpoint'>,
  cycleId: string,
  because: readonly string[],
): Promise<void> {
  await db.cycleEndpoint.updateMany({
    where: {
      cycleId,
      earlierOutcome: 'rolled_back',
      outcome: null,
      state: { in: ['planned', 'admitted', 'waiting'] },
    },
    data: {
      ...columnsAfter(notBegun, 'rolled_back'),
      waitingFor: null,
      endedAt: new Date(),
      reasons: ['it was rolled back, and the rest of its patches did not come to it', ...because],
    },
  });
}

function memberOf(
  row: {
    endpointId: string;
    outcome: string | null;
    state: string;
    surveyedAt: Date | null;
    patchesAtFault: string[];
    patches: { package: string; architecture: string; fromVersion: string | null; toVersion: string }[];
  },
  regressedWith: readonly string[] | undefined,
): RecordMember {
  const patches = row.patches.map((patch) => idOf(toPatch(patch)));
  const atFault = [...row.patchesAtFault, ...(regressedWith ?? [])];
  return {
    endpointId: row.endpointId,
    outcome: row.outcome as EndpointOutcome | null,
    atWork: atWork.includes(row.state),
    unknown: row.state === 'unknown',
    patches: row.surveyedAt === null ? null : patches,
    patchesAtFault: patches.filter((patch) => atFault.includes(patchKey(patch))),
    regressed: regressedWith !== undefined,
  };
}

/** An endpoint that was patched keeps what was proven there; one that is worked on ends with what it was given. */
async function dropPatches(
  tx: Transaction,
  cycleId: string,
  dropped: readonly PatchId[],
  because: readonly string[],
): Promise<void> {
  for (const { package: name, architecture, version } of dropped) {
    await tx.cyclePatch.updateMany({
      where: {
        cycleId,
        package: name,
        architecture,
        toVersion: version,
        ...wherePlanned,
        inCycle: { state: { notIn: [...atWork] }, OR: [{ outcome: null }, { outcome: { not: 'patched' } }] },
      },
      data: { decision: 'dropped', because: [...because] },
    });
  }
}

async function endMembersWithoutPatches(
  tx: Transaction,
  cycleId: string,
  members: readonly KeptMember[],
  dropped: readonly PatchId[],
): Promise<void> {
  const names = listed(dropped.map(patchInWords));
  await tx.cycleEndpoint.updateMany({
    where: {
      cycleId,
      ring: { not: null },
      state: { in: [...notAdmitted] },
      NOT: { endpointId: { in: members.map((member) => member.endpointId) } },
    },
    data: {
      ...columnsAfter(notAdmitted, 'skipped'),
      waitingFor: null,
      endedAt: new Date(),
      reasons: [`nothing was left for it without ${names}`],
    },
  });
}

/** As if its turn had not come: planned, with the good patches of its set not yet proven, nor disproven. */
async function openAgain(tx: Transaction, cycleId: string, { endpointId, because, earlierOutcome }: KeptMember) {
  // As it stood when it was judged: people, and catch-ups of the parent, may have moved it since.
  const asJudged =
    earlierOutcome === null ? { state: { in: [...notAdmitted] } } : { state: 'ended', outcome: earlierOutcome };
  const opened = await tx.cycleEndpoint.updateMany({
    where: { cycleId, endpointId, ...asJudged },
    data: {
      ...columnsAfter(['planned', 'waiting', 'skipped', 'rolled_back'], 'planned'),
      waitingFor: null,
      startedAt: null,
      endedAt: null,
      deadlineAt: null,
      snapshotId: null,
      reasons: [because],
      patchesAtFault: [],
      skippedBy: null,
      earlierOutcome,
    },
  });
  if (opened.count === 0) return;
  await tx.cyclePatch.updateMany({
    where: { cycleId, endpointId, ...wherePlanned },
    data: { proven: null },
  });
}
