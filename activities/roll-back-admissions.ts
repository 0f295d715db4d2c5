/** Who is put back now, by an order to roll back: under each site's budget, as any other work. */
import { admit, lookAgainInSeconds } from '../domain/admission.ts';
import type { EndpointOrder, RollBackAdmission, RollBackOrder } from '../domain/cycle.ts';
import type { EndpointOutcome } from '../domain/endpoint-facts.ts';
import { columnsAfter } from '../domain/endpoint-saga.ts';
import type { Criticality } from '../domain/policy.ts';
import { type RollBackMember, rollBackStanding } from '../domain/roll-back.ts';
import type { Database, Tenants, Transaction } from './ports/database.ts';
import { grouped, openCycleOf, referenceTo } from './rows.ts';
import { lockSite, siteLoad, sitePatience } from './site-budgets.ts';
import { membersIn, ringNames } from './targets.ts';

const inFlightAtMost = 200;
/** How often it is looked whether others have freed a site's budget, or ended their work on an endpoint. */
const lookAgainSeconds = 15;
const hourMilliseconds = 60 * 60 * 1000;
/** An operator reads the first few; the rest is counted. */
const wordsAtMost = 20;

type Row = Awaited<ReturnType<typeof rollBackRows>>[number];

export function rollBackAdmissionActivities({ tenants }: { tenants: Tenants }) {
  return {
    /**
     * Decides, site by site, who is put back now: the newest ring first, under the site's budget, never two of one
     * redundancy group together. Admitting again after a lost answer admits the same again.
     */
    async admitRollBacks({
      order,
      inFlight,
      tried,
    }: {
      order: RollBackOrder;
      inFlight: readonly string[];
      /** Those that this order could not put back: they are not tried again. */
      tried: readonly string[];
    }): Promise<RollBackAdmission> {
      const { db, cycle } = await openCycleOf(tenants, order.cycleId);
      const rings = await ringNames(db, cycle);
      const sites = grouped(await rollBackRows(db, membersIn(cycle, order.target)), (row) => row.siteId);
      const start: EndpointOrder[] = [];
      const inWords: string[] = [];
      const again: number[] = [];
      for (const siteId of [...sites.keys()].toSorted()) {
        const atMost = inFlightAtMost - inFlight.length - start.length;
        const at = await admitAtSite(tenants, order, { siteId, rings, inFlight, tried, atMost });
        start.push(...at.start);
        inWords.push(...at.inWords);
        if (at.lookAgainInSeconds !== null) again.push(at.lookAgainInSeconds);
      }
      return {
        start,
        lookAgainInSeconds: again.length === 0 ? null : Math.min(...again),
        inWords: [`${inFlight.length + start.length} endpoints are put back`, ...inWords.slice(0, wordsAtMost)],
      };
    },

    /** Takes back an admission that led to nothing: the endpoint is as patched as it was. */
    async giveBackRollBack({ order, endpointId }: { order: RollBackOrder; endpointId: string }): Promise<void> {
      const { cycleId } = order;
      const db = tenants.forClient(order.clientId);
      const row = await db.cycleEndpoint.findUniqueOrThrow({ where: { cycleId_endpointId: { cycleId, endpointId } } });
      const mark = markOf(order);
      await db.cycleEndpoint.updateMany({
        where: { cycleId, endpointId, state: 'rolling back' },
        data: {
          ...columnsAfter(['rolling back'], 'patched'),
          reasons: row.reasons.filter((reason) => reason !== mark),
        },
      });
    },
  };
}

type SiteQuestion = {
  readonly siteId: string;
  readonly rings: readonly string[];
  readonly inFlight: readonly string[];
  readonly tried: readonly string[];
  readonly atMost: number;
};

async function admitAtSite(
  tenants: Tenants,
  order: RollBackOrder,
  { siteId, rings, inFlight, tried, atMost }: SiteQuestion,
): Promise<RollBackAdmission> {
  const { cycleId, clientId } = order;
  const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
  const where = { AND: [membersIn(cycle, order.target), { siteId }] };
  const groups = (await rollBackRows(db, where)).map((row) => row.endpoint.redundancyGroup);
  return db.$transaction(async (tx) => {
    await lockSite(tx, siteId, groups);
    const rows = await rollBackRows(tx, where);
    const site = await tx.site.findUniqueOrThrow({ where: { id: siteId } });
    const mine = rows.filter((row) => row.state === 'rolling back' && row.reasons.includes(markOf(order)));
    // Admitted by a call whose answer was lost: told again, so that they are started.
    const lost = mine.filter((row) => !inFlight.includes(row.endpointId));
    const { next, awaited } = rollBackStanding(
      rows.map((row) => toMember(row, tried)),
      rings,
    );
    const now = new Date().toISOString();
    const { disturbed, siteBudget, siteSize } = await siteLoad(tx, { cycleId, policy, site, groups });
    const putBack = await putBackIn(tx, cycleId);
    const decided = admit({
      now,
      candidates: rows.filter((row) => next.includes(row.endpointId)).map((row) => candidateOf(row, order, now)),
      // One that was put back works as before: it is no reason to leave its neighbours as they are.
      disturbed: disturbed.filter((each) => each.disturbance !== 'failed' || !putBack.has(each.endpointId)),
      emergencies: [],
      siteBudget,
      siteSize,
    });
    const starts = decided.start.slice(0, Math.max(0, atMost - lost.length)).map(({ endpointId }) => endpointId);
    const started = rows.filter((row) => starts.includes(row.endpointId));
    for (const { endpointId, reasons } of started)
      await tx.cycleEndpoint.update({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        data: { ...columnsAfter(['patched'], 'rolling back'), reasons: [...reasons, markOf(order)] },
      });
    const others = awaited.filter((endpointId) => !mine.some((row) => row.endpointId === endpointId));
    const somebodyWorks = started.length + mine.length > 0;
    const waits = lookAgainInSeconds(decided.waiting, { now, somebodyWorks, budgetSeconds: lookAgainSeconds });
    const more = others.length > 0 || starts.length < decided.start.length;
    return {
      start: [...lost, ...started].map((row) => ({
        ...referenceTo(row.endpoint),
        cycleId,
        clientId,
        ring: row.ring ?? '',
      })),
      lookAgainInSeconds: more ? Math.min(lookAgainSeconds, waits ?? lookAgainSeconds) : waits,
      inWords: [
        ...others.map((endpointId) => `${endpointId} is worked on, and is put back after it`),
        ...decided.waiting.map(({ endpointId, because }) => `${endpointId} waits: ${because.join('; ')}`),
      ],
    };
  }, sitePatience);
}

/** The endpoints of a target, each with what other cycles make of it. */
export async function rollBackRows(db: Transaction | Database, where: object) {
  return db.cycleEndpoint.findMany({
    where,
    include: {
      endpoint: {
        include: {
          inCycles: {
            where: { OR: [{ outcome: 'patched' }, { state: { in: ['admitted', 'in flight'] } }] },
            include: { cycle: true },
          },
        },
      },
      cycle: true,
    },
    orderBy: [{ ringOrder: 'asc' }, { endpointId: 'asc' }],
  });
}

export function toMember(row: Row, tried: readonly string[]): RollBackMember {
  const later = row.endpoint.inCycles.find(({ cycle }) => cycle.startedAt > row.cycle.startedAt);
  return {
    endpointId: row.endpointId,
    ring: row.ring,
    state: row.state,
    outcome: row.outcome as EndpointOutcome | null,
    laterCycle: later?.cycleId ?? null,
    tried: tried.includes(row.endpointId),
  };
}

/** It was ordered for now: no window and no halt keeps it, and what is restored from outside need not answer. */
function candidateOf({ endpointId, endpoint }: Row, { word }: RollBackOrder, now: string) {
  const closesAt = new Date(Date.parse(now) + hourMilliseconds).toISOString();
  return {
    endpointId,
    online: true,
    windows: [{ opensAt: now, closesAt, words: `ordered by ${word.who} (${word.why})` }],
    criticality: endpoint.criticality as Criticality,
    redundancyGroup: endpoint.redundancyGroup,
    expectedMinutes: 0,
    halted: null,
  };
}

async function putBackIn(tx: Transaction, cycleId: string): Promise<ReadonlySet<string>> {
  const rows = await tx.cycleEndpoint.findMany({ where: { cycleId, outcome: 'rolled_back' } });
  return new Set(rows.map((row) => row.endpointId));
}

/** Stands among an endpoint's reasons while this order is at work on it. */
function markOf({ orderId, word }: RollBackOrder): string {
  return `is put back by order of ${word.who}: ${word.why} (${orderId})`;
}
