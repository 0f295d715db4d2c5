/**
 * Who of a ring may start, who waits and for what. Cycles of one site ask one after another, so that they share its
 * budget.
 */
import {
  type StartVerdict,
  type Waiting,
  judgeInstallStart,
  lookAgainInSeconds,
} from '../../domain/rollout/admission.ts';
import { atWork } from '../../domain/rollout/budget.ts';
import type {
  CycleState,
  EndpointInput,
  EndpointReference,
  RingAdmission,
  RingInput,
} from '../../domain/rollout/cycle.ts';
import { columnsAfter, notBegun, notAdmitted } from '../../domain/endpoints/saga.ts';
import { appendAudit } from '../../record/audit.ts';
import { personNeeded } from '../../record/endpoints/evidence.ts';
import { expectationOf } from '../../record/sites/expectations.ts';
import type { Database, Tenants } from '../../record/database.ts';
import { readCycle, referenceTo } from '../../record/cycle.ts';
import { admitAtSite } from '../../record/admissions/site.ts';
import { windowsOf } from '../../record/sites/windows.ts';
import { endCarriersOfSkippedPatches } from '../../record/orders/skipped-patches.ts';
import { restoreEarlierEnds } from '../../record/cycles/successors.ts';
import { clientIdOf } from '../../domain/ids.ts';
import { grouped } from '../../domain/grouped.ts';
import { haltedGate, ringVerdict } from '../../record/cycles/gates.ts';
import { haltedAmong } from '../../record/orders/halts.ts';
import { bound } from '../bound.ts';

/** How often a ring looks whether others have freed a site's budget, when no signal says so. */
const lookAgainSeconds = 60;
/** How soon the next members of a large ring are asked. */
const askNextSeconds = 1;
/** At most this many endpoints of one ring are worked on together: a workflow's history and children have limits. */
const inFlightAtMost = 200;
/** An operator reads the first few; the rest is counted. */
const linesShownAtMost = 20;

type Ports = { tenants: Tenants };

export function admissionActivities(ports: Ports) {
  return bound(ports, {
    ringMembersToAsk,
    admit,
    admitStraggler,
    mayStillStart,
    withdrawAdmission,
    recordUnknown,
    abandonRings,
  });
}

/**
 * Members that have not started, to be asked whether they are there, by the queue of their site's worker. Of a large
 * ring some at a time, of each site alike: first those that were not asked yet, last those that did not answer.
 */
async function ringMembersToAsk(
  { tenants }: Ports,
  { cycleId, ring }: RingInput,
): Promise<readonly { readonly taskQueue: string; readonly agents: readonly EndpointReference[] }[]> {
  const { db } = await readCycle(tenants, cycleId);
  const open = { cycleId, ring, online: true, state: { in: [...notAdmitted] } };
  const sites = await db.cycleEndpoint.findMany({ where: open, distinct: ['siteId'], select: { siteId: true } });
  const agents: EndpointReference[] = [];
  for (const { siteId } of sites) {
    const atMost = Math.ceil(inFlightAtMost / sites.length);
    agents.push(...(await membersToAsk(db, { ...open, siteId }, atMost)));
  }
  return [...grouped(agents, (agent) => agent.taskQueue)].map(([taskQueue, some]) => ({ taskQueue, agents: some }));
}

/**
 * Decides, site by site, which endpoints start now. A ring whose gate would halt it starts no further endpoint.
 * Admitting again after a lost answer admits the same again.
 */
async function admit(
  { tenants }: Ports,
  {
    input,
    asked,
    online,
    inFlight,
  }: {
    input: RingInput;
    /** Nothing is decided of those that were not asked. */
    asked: readonly string[];
    online: readonly string[];
    inFlight: readonly string[];
  },
): Promise<RingAdmission> {
  const { db, policy } = await readCycle(tenants, input.cycleId);
  await endCarriersOfSkippedPatches(db, input.cycleId);
  const gate = await ringVerdict(tenants, input);
  if (gate.verdict === 'halt')
    return {
      start: [],
      lookAgainInSeconds: null,
      inWords: [`no further endpoint is started: ${gate.because.join('; ')}`],
    };
  const start: EndpointInput[] = [];
  const waiting: Waiting[] = [];
  let moreToAsk = false;
  for (const site of await db.site.findMany({ orderBy: { id: 'asc' } })) {
    const atMost = inFlightAtMost - inFlight.length - start.length;
    const admission = await admitAtSite(db, { input, policy, site, asked, online, inFlight, atMost });
    start.push(...admission.start);
    waiting.push(...admission.waiting);
    moreToAsk ||= admission.moreToAsk;
  }
  const waits = waiting.map((each) => `${each.endpointId} waits for ${each.waitingFor}: ${each.because.join('; ')}`);
  return {
    start,
    lookAgainInSeconds: moreToAsk
      ? askNextSeconds
      : lookAgainInSeconds(waiting, {
          now: new Date().toISOString(),
          anyInFlight: inFlight.length + start.length > 0,
          budgetSeconds: lookAgainSeconds,
        }),
    inWords: [
      `${inFlight.length + start.length} endpoints in flight, ${waiting.length} waiting`,
      ...waits.slice(0, linesShownAtMost),
    ],
  };
}

/** Admits a straggler under the same rules as the members of a ring: gate, budget, redundancy group, window, halt. */
async function admitStraggler(
  { tenants }: Ports,
  { input }: { input: EndpointInput },
): Promise<{ readonly admitted: boolean }> {
  const { cycleId, endpointId } = input;
  const { db, policy } = await readCycle(tenants, cycleId);
  const key = { cycleId_endpointId: { cycleId, endpointId } };
  const gate = await haltedGate(tenants, input);
  if (gate) {
    await db.cycleEndpoint.updateMany({
      where: { cycleId, endpointId, state: 'waiting' },
      data: { waitingFor: 'ring', reasons: [...gate] },
    });
    return { admitted: false };
  }
  const { siteId } = await db.cycleEndpoint.findUniqueOrThrow({ where: key });
  const site = await db.site.findUniqueOrThrow({ where: { id: siteId } });
  const candidates = { asked: [endpointId], online: [endpointId], inFlight: [], only: endpointId, atMost: 1 };
  const admission = await admitAtSite(db, { input, policy, site, ...candidates });
  return { admitted: admission.start.length > 0 };
}

/**
 * Asked once more just before the install, the first effect that cannot be taken back: whether what is left of the
 * window covers what is left of the work, and whether a person has halted it meanwhile. A yes is recorded with its
 * time, from which later cycles learn how long an install takes.
 */
async function mayStillStart({ tenants }: Ports, { input }: { input: EndpointInput }): Promise<StartVerdict> {
  const { cycleId, endpointId, ring } = input;
  const { db } = await readCycle(tenants, cycleId);
  const key = { cycleId_endpointId: { cycleId, endpointId } };
  const member = await db.cycleEndpoint.findUniqueOrThrow({ where: key });
  const halted = await haltedAmong(db, cycleId, [{ ...member, ring }]);
  const now = new Date();
  const verdict = judgeInstallStart({
    now: now.toISOString(),
    windows: await windowsOf(db, cycleId, member.siteId),
    minutesFromInstall: (await expectationOf(db, cycleId, endpointId)).minutesFromInstall,
    halted: halted.get(endpointId) ?? null,
  });
  if (verdict.starts) await db.cycleEndpoint.update({ where: key, data: { installFromAt: now } });
  return verdict;
}

/** Takes back an admission that led to nothing: the endpoint waits again, with the reason. */
async function withdrawAdmission(
  { tenants }: Ports,
  { endpoint, because }: { endpoint: EndpointInput; because: string },
): Promise<void> {
  const { cycleId, endpointId, clientId } = endpoint;
  await tenants.forClient(clientId).cycleEndpoint.updateMany({
    where: { cycleId, endpointId, state: 'admitted' },
    data: { ...columnsAfter(['admitted'], 'waiting'), waitingFor: 'ring', reasons: [because] },
  });
}

/**
 * The work on an endpoint ended without saying how: it uses the budget and holds the gate until a person has looked.
 */
async function recordUnknown(
  { tenants }: Ports,
  { endpoint, because }: { endpoint: EndpointInput; because: string },
): Promise<void> {
  const { cycleId, endpointId, clientId } = endpoint;
  const reasons = [`it is not known how the work on it ended: ${because}`];
  await tenants.forClient(clientId).$transaction(async (tx) => {
    const lost = await tx.cycleEndpoint.updateMany({
      where: { cycleId, endpointId, state: { in: [...atWork] } },
      data: { ...columnsAfter(['admitted', 'in flight', 'rolling back'], 'unknown'), reasons },
    });
    if (lost.count === 0) return;
    const entries = personNeeded(endpoint, { outcome: 'unknown', because: reasons, at: new Date() });
    await appendAudit(tx, clientId, entries);
  });
}

/** Ends what no ring will start any more: skipped, with the reason. Those handed to a catch-up go with it. */
async function abandonRings(
  { tenants }: Ports,
  { cycleId, because }: { cycleId: string; because: readonly string[] },
): Promise<{
  readonly state: CycleState;
  readonly because: readonly string[];
}> {
  const db = tenants.forClient(clientIdOf(cycleId));
  await restoreEarlierEnds(db, cycleId, because);
  const ended = await db.cycleEndpoint.updateMany({
    where: { cycleId, ring: { not: null }, state: { in: [...notBegun] } },
    data: { ...columnsAfter(notBegun, 'skipped'), waitingFor: null, endedAt: new Date(), reasons: [...because] },
  });
  return { state: 'halted', because: [...because, `${ended.count} endpoints were not started`] };
}

async function membersToAsk(db: Database, open: object, atMost: number): Promise<readonly EndpointReference[]> {
  const read = (where: object, take: number) =>
    db.cycleEndpoint.findMany({
      where: { ...open, ...where },
      include: { endpoint: true },
      // Planned before waiting; of those that wait, those for a budget before those for a window.
      orderBy: [{ state: 'asc' }, { waitingFor: 'asc' }, { ringOrder: 'asc' }],
      take,
    });
  const present = await read({ OR: [{ waitingFor: null }, { waitingFor: { not: 'offline' } }] }, atMost);
  const silent = present.length < atMost ? await read({ waitingFor: 'offline' }, atMost - present.length) : [];
  return [...present, ...silent].map((member) => referenceTo(member.endpoint));
}
