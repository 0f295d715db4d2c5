/** Step 7 as rows: who may start, who waits and for what, how a ring soaks, and what its gate says. */
import { type Waiting, admit } from '../domain/admission.ts';
import { budgetOf } from '../domain/budget.ts';
import type { Check, CheckResult } from '../domain/check.ts';
import {
  type CycleState,
  type EndpointOrder,
  type EndpointReference,
  type RingOrder,
  type RingResult,
  clientIdOf,
} from '../domain/cycle.ts';
import type { EndpointOutcome } from '../domain/endpoint-facts.ts';
import { judgeRing } from '../domain/gate.ts';
import type { Amount, Criticality, Policy } from '../domain/policy.ts';
import { type WindowInstant, defaultExpectedMinutes, nextOpening, fits } from '../domain/window.ts';
import { appendAudit, toJson } from './audit-trail.ts';
import type { Database, Tenants } from './ports/database.ts';
import { grouped, openCycleOf, referenceTo } from './rows.ts';

/** How often a ring that waits for something looks whether it has changed, when nobody nudges it. */
const lookAgainSeconds = 60;

export type RingAdmission = {
  readonly start: readonly EndpointOrder[];
  /** Null: whoever still waits does not wait for this ring. */
  readonly lookAgainInSeconds: number | null;
  readonly inWords: readonly string[];
};

export function ringActivities({ tenants }: { tenants: Tenants }) {
  return {
    /** Members that have not started, to be asked whether they are there, by the queue of their site's worker. */
    async ringMembersToAsk({
      cycleId,
      ring,
    }: RingOrder): Promise<readonly { readonly taskQueue: string; readonly agents: readonly EndpointReference[] }[]> {
      const { db } = await openCycleOf(tenants, cycleId);
      const members = await db.cycleEndpoint.findMany({
        where: { cycleId, ring, state: { in: ['planned', 'waiting'] }, endpoint: { enrolledAt: { not: null } } },
        include: { endpoint: true },
      });
      const agents = members.map((member) => referenceTo(member.endpoint));
      return [...grouped(agents, (agent) => agent.taskQueue)].map(([taskQueue, some]) => ({ taskQueue, agents: some }));
    },

    /**
     * Decides, site by site, who starts now, and marks those in flight in the same transaction: cycles of one site ask
     * one after another, so that they share its budget.
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
      const siteRows = await db.site.findMany({ orderBy: { id: 'asc' } });
      const start: EndpointOrder[] = [];
      const waiting: Waiting[] = [];
      for (const site of siteRows) {
        const admission = await admitAtSite(db, { order, policy, site, online, inFlight });
        start.push(...admission.start);
        waiting.push(...admission.waiting);
      }
      return {
        start,
        lookAgainInSeconds: lookAgainIn(waiting),
        inWords: [
          `${inFlight.length + start.length} endpoints in flight`,
          ...waiting.map((each) => `${each.endpointId} waits for ${each.waitingFor}: ${each.because.join('; ')}`),
        ],
      };
    },

    /** Takes back an admission that led to nothing: the endpoint waits again, with the reason. */
    async giveBackAdmission({ endpoint, because }: { endpoint: EndpointOrder; because: string }): Promise<void> {
      const { cycleId, endpointId, clientId } = endpoint;
      await tenants.forClient(clientId).cycleEndpoint.updateMany({
        where: { cycleId, endpointId, state: 'in flight' },
        data: { state: 'waiting', waitingFor: 'ring', reasons: [because] },
      });
    },

    /** The work on an endpoint ended without saying how: it stays in flight, uses the budget, and holds the gate. */
    async recordUnknown({ endpoint, because }: { endpoint: EndpointOrder; because: string }): Promise<void> {
      const { cycleId, endpointId, clientId } = endpoint;
      await tenants.forClient(clientId).cycleEndpoint.updateMany({
        where: { cycleId, endpointId, state: 'in flight' },
        data: { reasons: [`nobody knows how it ended: ${because}`] },
      });
    },

    /** Members that have neither ended nor can go on with the ring; each gets a deadline. */
    async stragglersOf({ cycleId, ring }: RingOrder): Promise<readonly EndpointOrder[]> {
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      const deadlineAt = new Date(cycle.startedAt.getTime() + policy.deadlineDays * 24 * 60 * 60 * 1000);
      const where = { cycleId, ring, state: 'waiting', endpoint: { enrolledAt: { not: null } } };
      await db.cycleEndpoint.updateMany({ where, data: { deadlineAt } });
      const rows = await db.cycleEndpoint.findMany({ where, include: { endpoint: true } });
      return rows.map((row) => ({ ...referenceTo(row.endpoint), cycleId, clientId: cycle.clientId, ring }));
    },

    /** How long the ring has to soak from its last verified endpoint, and which endpoints to watch meanwhile. */
    async soakWatch({ cycleId, ring }: RingOrder): Promise<{
      readonly remainingSeconds: number;
      readonly everySeconds: number;
      readonly sites: readonly {
        readonly taskQueue: string;
        readonly endpoints: readonly (EndpointReference & { readonly checks: readonly Check[] })[];
      }[];
    }> {
      const { db, policy } = await openCycleOf(tenants, cycleId);
      const verified = await db.cycleEndpoint.findMany({
        where: { cycleId, ring, outcome: 'patched' },
        include: { endpoint: true },
      });
      const lastAt = Math.max(...verified.map((row) => row.endedAt?.getTime() ?? 0), 0);
      const soakSeconds = policy.gate.soakMinutes * 60;
      const remainingSeconds = verified.length === 0 ? 0 : Math.ceil((lastAt + soakSeconds * 1000 - Date.now()) / 1000);
      const endpoints = verified.map((row) => ({ ...referenceTo(row.endpoint), checks: policy.checks }));
      return {
        remainingSeconds,
        everySeconds: Math.max(5, Math.ceil(soakSeconds / 10)),
        sites: [...grouped(endpoints, (endpoint) => endpoint.taskQueue)].map(([taskQueue, some]) => ({
          taskQueue,
          endpoints: some,
        })),
      };
    },

    async recordSoakChecks({
      order,
      results,
    }: {
      order: RingOrder;
      results: readonly { readonly endpointId: string; readonly results: readonly CheckResult[] | null }[];
    }): Promise<void> {
      const { cycleId, clientId, ring } = order;
      const at = new Date();
      await tenants.forClient(clientId).soakCheck.createMany({
        data: results.flatMap(({ endpointId, results: checks }) =>
          (checks ?? [{ check: 'its agent answers', passed: false, observed: 'no answer' }]).map((result) => ({
            cycleId,
            endpointId,
            clientId,
            ring,
            check: result.check,
            passed: result.passed,
            observed: result.observed,
            at,
          })),
        ),
      });
    },

    async judgeRing({ cycleId, ring }: RingOrder): Promise<RingResult> {
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      const members = await db.cycleEndpoint.findMany({ where: { cycleId, ring } });
      const checks = await db.soakCheck.findMany({ where: { cycleId, ring }, orderBy: { at: 'asc' } });
      const patched = members.filter((member) => member.outcome === 'patched');
      const watched = new Set(checks.map((check) => check.endpointId));
      const judged = judgeRing({
        ringSize: members.length,
        outcomes: members.flatMap((member) =>
          member.outcome ? [{ endpointId: member.endpointId, outcome: member.outcome as EndpointOutcome }] : [],
        ),
        unknown: members.filter((member) => member.state === 'in flight').map((member) => member.endpointId),
        regressions: regressionsIn(checks),
        healthDataPresent: policy.checks.length === 0 || patched.every((member) => watched.has(member.endpointId)),
        gate: policy.gate,
      });
      const id = `${cycleId}/${ring}`;
      const judgedAt = new Date();
      const row = { verdict: judged.verdict, numbers: toJson(judged.numbers), because: [...judged.because], judgedAt };
      await db.$transaction(async (tx) => {
        await tx.gateVerdict.upsert({
          where: { id },
          create: { id, cycleId, clientId: cycle.clientId, ring, ...row },
          update: row,
        });
        await appendAudit(tx, cycle.clientId, [
          {
            key: `${id} ${judged.verdict}`,
            at: judgedAt.toISOString(),
            actor: 'patchcycle',
            action: `gate ${judged.verdict}`,
            subject: id,
            because: judged.because,
            detail: judged.numbers,
          },
        ]);
      });
      return { ring, verdict: judged.verdict, because: judged.because };
    },

    /** Ends what no ring will start any more: skipped, with the reason. Those handed to a catch-up go with it. */
    async leaveRings({ cycleId, because }: { cycleId: string; because: readonly string[] }): Promise<{
      readonly state: CycleState;
      readonly because: readonly string[];
    }> {
      const db = tenants.forClient(clientIdOf(cycleId));
      const left = await db.cycleEndpoint.updateMany({
        where: { cycleId, ring: { not: null }, state: { in: ['planned', 'waiting'] } },
        data: { state: 'ended', outcome: 'skipped', waitingFor: null, endedAt: new Date(), reasons: [...because] },
      });
      return { state: 'halted', because: [...because, `${left.count} endpoints were not started`] };
    },

    /**
     * Whether a straggler's turn has come: its record must still be the newest for it and not halted, its deadline not
     * passed, its window open. Online is asked afterwards.
     */
    async mayCatchUp({ order }: { order: EndpointOrder }): Promise<{
      readonly verdict: 'go' | 'wait' | 'over';
      readonly seconds: number;
      readonly because: readonly string[];
    }> {
      const { db, cycle } = await openCycleOf(tenants, order.cycleId);
      const key = { cycleId_endpointId: { cycleId: order.cycleId, endpointId: order.endpointId } };
      const row = await db.cycleEndpoint.findUniqueOrThrow({ where: key });
      const over = (because: string) => ({ verdict: 'over' as const, seconds: 0, because: [because] });
      if (row.state === 'ended') return over(`it has ended: ${row.outcome}`);
      const now = new Date();
      const newer = await db.cycleEndpoint.findFirst({
        where: { endpointId: order.endpointId, ring: { not: null }, cycle: { startedAt: { gt: cycle.startedAt } } },
      });
      if (newer) {
        const reasons = [`superseded by ${newer.cycleId}`];
        await db.cycleEndpoint.update({
          where: key,
          data: { state: 'ended', outcome: 'superseded', waitingFor: null, endedAt: now, reasons },
        });
        return over(reasons[0] as string);
      }
      if (row.deadlineAt && now > row.deadlineAt) {
        const because = `its deadline ${row.deadlineAt.toISOString()} passed; a person has to look at it`;
        await db.$transaction(async (tx) => {
          await tx.cycleEndpoint.update({ where: key, data: { reasons: [...row.reasons, because] } });
          await appendAudit(tx, order.clientId, [
            {
              key: `${order.cycleId} ${order.endpointId} escalated`,
              at: now.toISOString(),
              actor: 'patchcycle',
              action: 'escalate',
              subject: `${order.cycleId} ${order.endpointId}`,
              because: [because],
            },
          ]);
        });
        return over(because);
      }
      const untilDeadline = row.deadlineAt ? (row.deadlineAt.getTime() - now.getTime()) / 1000 : lookAgainSeconds;
      const windows = await windowsOf(db, order.cycleId, row.siteId);
      if (fits(windows, now.toISOString(), defaultExpectedMinutes))
        return {
          verdict: 'go',
          seconds: Math.min(15 * 60, Math.ceil(untilDeadline) + 1),
          because: ['its window is open'],
        };
      const next = nextOpening(windows, now.toISOString(), defaultExpectedMinutes);
      const untilNext = next ? (Date.parse(next.opensAt) - now.getTime()) / 1000 : untilDeadline;
      return {
        verdict: 'wait',
        seconds: Math.max(1, Math.ceil(Math.min(untilNext, untilDeadline))),
        because: [next ? `its window opens ${next.words}` : 'no window is known'],
      };
    },

    async admitStraggler({ order }: { order: EndpointOrder }): Promise<void> {
      const { cycleId, endpointId } = order;
      await tenants.forClient(order.clientId).cycleEndpoint.updateMany({
        where: { cycleId, endpointId, state: 'waiting' },
        data: { state: 'in flight' },
      });
    },
  };
}

type SiteRow = { id: string; budget: unknown };

async function admitAtSite(
  db: Database,
  {
    order,
    policy,
    site,
    online,
    inFlight,
  }: { order: RingOrder; policy: Policy; site: SiteRow; online: readonly string[]; inFlight: readonly string[] },
): Promise<{ start: EndpointOrder[]; waiting: readonly Waiting[] }> {
  const { cycleId, ring, clientId } = order;
  return db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('site'), hashtext(${site.id}))`;
    const candidates = await tx.cycleEndpoint.findMany({
      where: { cycleId, ring, siteId: site.id, state: { in: ['planned', 'waiting'] } },
      include: { endpoint: true, patches: { where: { decision: { in: ['approved', 'added'] } } } },
      orderBy: { ringOrder: 'asc' },
    });
    const open = candidates.filter((row) => !inFlight.includes(row.endpointId));
    if (open.length === 0) return { start: [], waiting: [] };
    const disturbed = await tx.cycleEndpoint.findMany({
      where: {
        siteId: site.id,
        OR: [{ state: 'in flight' }, { cycleId, outcome: { in: ['rolled_back', 'quarantined'] } }],
      },
      include: { endpoint: true },
    });
    const halt = await tx.halt.findFirst({ where: { releasedAt: null, OR: [{ cycleId: null }, { cycleId }] } });
    const siteSize = await tx.endpoint.count({ where: { siteId: site.id } });
    const windows = await windowsOf(tx as Database, cycleId, site.id);
    const decided = admit({
      now: new Date().toISOString(),
      candidates: open.map((row) => ({
        endpointId: row.endpointId,
        online: online.includes(row.endpointId),
        windows,
        criticality: row.endpoint.criticality as Criticality,
        redundancyGroup: row.endpoint.redundancyGroup,
        expectedMinutes: defaultExpectedMinutes,
      })),
      inFlight: disturbed.filter((row) => row.state === 'in flight').map(disturbedOf),
      failedOrUnknown: disturbed.filter((row) => row.state !== 'in flight').map(disturbedOf),
      siteBudget: budgetOf({ site: site.budget as Amount | null, policy: policy.budget, siteSize }),
      siteSize,
      halted: halt ? `halted by ${halt.orderedBy}: ${halt.reason}` : null,
    });
    for (const { endpointId, because } of decided.start) {
      await tx.cycleEndpoint.update({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        data: { state: 'in flight', waitingFor: null, reasons: [...because] },
      });
    }
    for (const { endpointId, waitingFor, because } of decided.waiting) {
      await tx.cycleEndpoint.update({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        data: {
          state: 'waiting',
          waitingFor: waitingFor === 'budget' || waitingFor === 'halt' ? 'ring' : waitingFor,
          reasons: [...because],
        },
      });
    }
    const rows = new Map(open.map((row) => [row.endpointId, row.endpoint]));
    const start = decided.start.flatMap(({ endpointId }) => {
      const endpoint = rows.get(endpointId);
      return endpoint ? [{ ...referenceTo(endpoint), cycleId, clientId, ring }] : [];
    });
    return { start, waiting: decided.waiting };
  });
}

function disturbedOf(row: { endpointId: string; endpoint: { redundancyGroup: string | null } }) {
  return { endpointId: row.endpointId, redundancyGroup: row.endpoint.redundancyGroup };
}

/** The policy's windows of the cycle for a site, and those that people opened besides. */
async function windowsOf(db: Database, cycleId: string, siteId: string): Promise<readonly WindowInstant[]> {
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
 * When to look again: never for those that are offline or halted alone, at the next opening for a window that is shut,
 * soon for a budget that others use.
 */
function lookAgainIn(waiting: readonly Waiting[]): number | null {
  const seconds = waiting
    .filter((each) => each.waitingFor === 'window' || each.waitingFor === 'budget')
    .map((each) =>
      each.lookAgainAt ? Math.max(1, Math.ceil((Date.parse(each.lookAgainAt) - Date.now()) / 1000)) : lookAgainSeconds,
    );
  return seconds.length === 0 ? null : Math.min(...seconds);
}

/** The last result of each check that failed on an endpoint. */
function regressionsIn(checks: readonly { endpointId: string; check: string; passed: boolean; observed: string }[]) {
  const last = new Map(checks.map((check) => [`${check.endpointId} ${check.check}`, check]));
  return [...last.values()]
    .filter((check) => !check.passed)
    .map((check) => ({ endpointId: check.endpointId, what: `${check.check} sees ${check.observed}` }));
}
