/** Who of a ring may start, who waits and for what. Cycles of one site ask one after another, so that they share its budget. */
import { type Waiting, admit } from '../domain/admission.ts';
import { budgetOf } from '../domain/budget.ts';
import {
  type CycleState,
  type EndpointOrder,
  type EndpointReference,
  type RingAdmission,
  type RingOrder,
  clientIdOf,
} from '../domain/cycle.ts';
import type { Amount, Criticality, Policy } from '../domain/policy.ts';
import { type WindowInstant, defaultExpectedMinutes } from '../domain/window.ts';
import type { Database, Tenants } from './ports/database.ts';
import { ringVerdict } from './gates.ts';
import { grouped, haltInForce, openCycleOf, referenceTo } from './rows.ts';

/** How often a ring looks whether others have freed a site's budget, when nobody nudges it. */
const lookAgainSeconds = 60;
/** At most this many endpoints of one ring are worked on together: a workflow's history and children have limits. */
const inFlightAtMost = 200;
/** An operator reads the first few; the rest is counted. */
const wordsAtMost = 20;
/** Work on these has started, or is about to. */
const working = ['admitted', 'in flight'];
/** Waiting for its turn at a site may take longer than Prisma's five seconds. */
const patience = { timeout: 60_000, maxWait: 30_000 };

export function admissionActivities({ tenants }: { tenants: Tenants }) {
  return {
    /** Members that have not started, to be asked whether they are there, by the queue of their site's worker. */
    async ringMembersToAsk({
      cycleId,
      ring,
    }: RingOrder): Promise<readonly { readonly taskQueue: string; readonly agents: readonly EndpointReference[] }[]> {
      const { db } = await openCycleOf(tenants, cycleId);
      const members = await db.cycleEndpoint.findMany({
        where: { cycleId, ring, online: true, state: { in: ['planned', 'waiting'] } },
        include: { endpoint: true },
        orderBy: { ringOrder: 'asc' },
        take: inFlightAtMost,
      });
      const agents = members.map((member) => referenceTo(member.endpoint));
      return [...grouped(agents, (agent) => agent.taskQueue)].map(([taskQueue, some]) => ({ taskQueue, agents: some }));
    },

    /**
     * Decides, site by site, who starts now. A ring whose gate would halt it starts nobody more. Admitting again after a
     * lost answer admits the same again.
     */
    async admit({
      order,
      online,
      inFlight,
    }: {
      order: RingOrder;
      online: readonly string[];
      inFlight: readonly string[];
    }): Promise<RingAdmission> {
      const { db, policy } = await openCycleOf(tenants, order.cycleId);
      const gate = await ringVerdict(db, policy, order);
      if (gate.verdict === 'halt')
        return { start: [], lookAgainInSeconds: null, inWords: [`nobody more is started: ${gate.because.join('; ')}`] };
      const start: EndpointOrder[] = [];
      const waiting: Waiting[] = [];
      for (const site of await db.site.findMany({ orderBy: { id: 'asc' } })) {
        const atMost = inFlightAtMost - inFlight.length - start.length;
        const admission = await admitAtSite(db, { order, policy, site, online, inFlight, atMost });
        start.push(...admission.start);
        waiting.push(...admission.waiting);
      }
      const waits = waiting.map(
        (each) => `${each.endpointId} waits for ${each.waitingFor}: ${each.because.join('; ')}`,
      );
      return {
        start,
        lookAgainInSeconds: lookAgainIn(waiting, inFlight.length + start.length > 0),
        inWords: [
          `${inFlight.length + start.length} endpoints in flight, ${waiting.length} waiting`,
          ...waits.slice(0, wordsAtMost),
        ],
      };
    },

    /** Admits a straggler under the same rules as the members of a ring: budget, redundancy group, window, halt. */
    async admitStraggler({ order }: { order: EndpointOrder }): Promise<{ readonly admitted: boolean }> {
      const { cycleId, endpointId } = order;
      const { db, policy } = await openCycleOf(tenants, cycleId);
      const key = { cycleId_endpointId: { cycleId, endpointId } };
      const { siteId } = await db.cycleEndpoint.findUniqueOrThrow({ where: key });
      const site = await db.site.findUniqueOrThrow({ where: { id: siteId } });
      const candidates = { online: [endpointId], inFlight: [], only: endpointId, atMost: 1 };
      const admission = await admitAtSite(db, { order, policy, site, ...candidates });
      return { admitted: admission.start.length > 0 };
    },

    /** Takes back an admission that led to nothing: the endpoint waits again, with the reason. */
    async giveBackAdmission({ endpoint, because }: { endpoint: EndpointOrder; because: string }): Promise<void> {
      const { cycleId, endpointId, clientId } = endpoint;
      await tenants.forClient(clientId).cycleEndpoint.updateMany({
        where: { cycleId, endpointId, state: 'admitted' },
        data: { state: 'waiting', waitingFor: 'ring', reasons: [because] },
      });
    },

    /** The work on an endpoint ended without saying how: it uses the budget and holds the gate until a person has looked. */
    async recordUnknown({ endpoint, because }: { endpoint: EndpointOrder; because: string }): Promise<void> {
      const { cycleId, endpointId, clientId } = endpoint;
      await tenants.forClient(clientId).cycleEndpoint.updateMany({
        where: { cycleId, endpointId, state: { in: working } },
        data: { state: 'unknown', reasons: [`nobody knows how the work on it ended: ${because}`] },
      });
    },

    /** Ends what no ring will start any more: skipped, with the reason. Those handed to a catch-up go with it. */
    async leaveRings({ cycleId, because }: { cycleId: string; because: readonly string[] }): Promise<{
      readonly state: CycleState;
      readonly because: readonly string[];
    }> {
      const db = tenants.forClient(clientIdOf(cycleId));
      const left = await db.cycleEndpoint.updateMany({
        where: { cycleId, ring: { not: null }, state: { in: ['planned', 'admitted', 'waiting'] } },
        data: { state: 'ended', outcome: 'skipped', waitingFor: null, endedAt: new Date(), reasons: [...because] },
      });
      return { state: 'halted', because: [...because, `${left.count} endpoints were not started`] };
    },
  };
}

type SiteRow = { id: string; budget: unknown };

type SiteQuestion = {
  readonly order: RingOrder;
  readonly policy: Policy;
  readonly site: SiteRow;
  readonly online: readonly string[];
  readonly inFlight: readonly string[];
  readonly atMost: number;
  /** Nobody but this endpoint is a candidate. */
  readonly only?: string;
};

async function admitAtSite(
  db: Database,
  question: SiteQuestion,
): Promise<{ start: EndpointOrder[]; waiting: readonly Waiting[] }> {
  const { order, site, online, inFlight, atMost, only } = question;
  const { cycleId, ring, clientId } = order;
  const members = { cycleId, ring, siteId: site.id, ...(only ? { endpointId: only } : {}) };
  const toOrder = (row: { endpoint: Parameters<typeof referenceTo>[0] }) => ({
    ...referenceTo(row.endpoint),
    cycleId,
    clientId,
    ring,
  });
  return db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('site'), hashtext(${site.id}))`;
    const admitted = await tx.cycleEndpoint.findMany({
      where: { ...members, state: 'admitted' },
      include: { endpoint: true },
    });
    // Admitted by a call whose answer was lost: told again, so that they are started.
    const lost = admitted.filter((row) => !inFlight.includes(row.endpointId));
    const candidates = await tx.cycleEndpoint.findMany({
      where: { ...members, state: { in: ['planned', 'waiting'] } },
      include: { endpoint: true },
      orderBy: { ringOrder: 'asc' },
    });
    if (candidates.length === 0) return { start: lost.map(toOrder), waiting: [] };

    const windows = await windowsOf(tx as Database, cycleId, site.id);
    const decided = admit({
      now: new Date().toISOString(),
      candidates: candidates.map((row) => ({
        endpointId: row.endpointId,
        // One that was silent when the cycle planned has no plan yet: its catch-up makes one.
        online: only !== undefined || (row.online && online.includes(row.endpointId)),
        windows,
        criticality: row.endpoint.criticality as Criticality,
        redundancyGroup: row.endpoint.redundancyGroup,
        expectedMinutes: defaultExpectedMinutes,
      })),
      ...(await disturbanceAt(tx as Database, question)),
    });
    const starts = new Set(decided.start.slice(0, Math.max(0, atMost - lost.length)).map((one) => one.endpointId));
    for (const { endpointId, because } of decided.start) {
      if (!starts.has(endpointId)) continue;
      await tx.cycleEndpoint.update({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        data: { state: 'admitted', waitingFor: null, reasons: [...because] },
      });
    }
    for (const { endpointId, waitingFor, because } of decided.waiting) {
      await tx.cycleEndpoint.update({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        data: { state: 'waiting', waitingFor: waitingFor === 'halt' ? 'ring' : waitingFor, reasons: [...because] },
      });
    }
    const start = [...lost, ...candidates.filter((row) => starts.has(row.endpointId))].map(toOrder);
    return { start, waiting: decided.waiting };
  }, patience);
}

/** What the site has to bear already, whichever cycle does it, and who halted. */
async function disturbanceAt(tx: Database, { order, policy, site }: SiteQuestion) {
  const { cycleId } = order;
  const disturbed = await tx.cycleEndpoint.findMany({
    where: {
      siteId: site.id,
      OR: [{ state: { in: [...working, 'unknown'] } }, { cycleId, outcome: { in: ['rolled_back', 'quarantined'] } }],
    },
    include: { endpoint: true },
  });
  const siteSize = await tx.endpoint.count({ where: { siteId: site.id, retiredAt: null } });
  const toDisturbed = (row: (typeof disturbed)[number]) => ({
    endpointId: row.endpointId,
    redundancyGroup: row.endpoint.redundancyGroup,
  });
  return {
    inFlight: disturbed.filter((row) => working.includes(row.state)).map(toDisturbed),
    failedOrUnknown: disturbed.filter((row) => !working.includes(row.state)).map(toDisturbed),
    siteBudget: budgetOf({ site: site.budget as Amount | null, policy: policy.budget, siteSize }),
    siteSize,
    halted: await haltInForce(tx, cycleId),
  };
}

/** The policy's windows of the cycle for a site, and those that people opened besides. */
export async function windowsOf(db: Database, cycleId: string, siteId: string): Promise<readonly WindowInstant[]> {
  const cycle = await db.cycle.findUniqueOrThrow({ where: { id: cycleId } });
  const opened = await db.openedWindow.findMany({ where: { cycleId, OR: [{ siteId: null }, { siteId }] } });
  const ofPolicy = (cycle.windows as unknown as Record<string, WindowInstant[]>)[siteId] ?? [];
  return [
    ...ofPolicy,
    ...opened.map((window) => ({
      opensAt: window.opensAt.toISOString(),
      closesAt: window.closesAt.toISOString(),
      words: `opened by ${window.openedBy} (${window.reason}), until ${window.closesAt.toISOString()}`,
    })),
  ];
}

/**
 * When to look again: at the next opening for a window that is shut, soon for a budget while anybody works. Never for
 * those that are offline, halted, without any window to come, or behind failures that only a person mends: a nudge
 * wakes the ring, and its catch-ups go on with them.
 */
function lookAgainIn(waiting: readonly Waiting[], somebodyWorks: boolean): number | null {
  const seconds = waiting.flatMap((each) => {
    if (each.waitingFor === 'window' && each.lookAgainAt)
      return [Math.max(1, Math.ceil((Date.parse(each.lookAgainAt) - Date.now()) / 1000))];
    const othersWork = each.waitingFor === 'budget' && (somebodyWorks || each.because.some(isInFlight));
    return othersWork ? [lookAgainSeconds] : [];
  });
  return seconds.length === 0 ? null : Math.min(...seconds);
}

/** As domain/admission.ts says it of endpoints that somebody works on. */
function isInFlight(because: string): boolean {
  return because.includes('is in flight');
}
