/** Which endpoints of a ring may start at one site, decided and recorded in one transaction. */
import { type Waiting, admit } from '../../domain/rollout/admission.ts';
import type { EndpointInput, RingInput } from '../../domain/rollout/cycle.ts';
import { columnsAfter, notAdmitted } from '../../domain/endpoints/saga.ts';
import { unplannedExpectation } from '../../domain/rollout/expected-duration.ts';
import type { Criticality, Policy } from '../../domain/policies/policy.ts';
import { expectationsOf } from '../sites/expectations.ts';
import type { Database } from '../database.ts';
import { referenceTo } from '../cycle.ts';
import { siteLoad } from './load.ts';
import { windowsOf } from '../sites/windows.ts';
import { haltedAmong } from '../orders/halts.ts';
import { lockSite, siteLockOptions } from '../sites/lock.ts';

export type SiteQuestion = {
  readonly input: RingInput;
  readonly policy: Policy;
  readonly site: { readonly id: string; readonly budget: unknown };
  /** Nothing is decided of those that were not asked yet. */
  readonly asked: readonly string[];
  readonly online: readonly string[];
  readonly inFlight: readonly string[];
  readonly atMost: number;
  /** This endpoint is the only candidate. */
  readonly only?: string;
};

export type SiteAdmission = {
  readonly start: readonly EndpointInput[];
  readonly waiting: readonly Waiting[];
  /** Others of the ring may be there, and the site bears more. */
  readonly moreToAsk: boolean;
};

/**
 * Decides for one site, under its lock: any other that asks meanwhile waits. What is decided is on record when it
 * answers.
 */
export async function admitAtSite(db: Database, question: SiteQuestion): Promise<SiteAdmission> {
  const { input, policy, site, asked, online, inFlight, atMost, only } = question;
  const { cycleId, ring, clientId } = input;
  const members = { cycleId, ring, siteId: site.id, ...(only ? { endpointId: only } : {}) };
  const toInput = (row: { endpoint: Parameters<typeof referenceTo>[0] }) => ({
    ...referenceTo(row.endpoint),
    cycleId,
    clientId,
    ring,
  });
  const groupsOfMembers = await db.cycleEndpoint.findMany({
    where: members,
    select: { endpoint: { select: { redundancyGroup: true } } },
  });
  const groups = groupsOfMembers.map((member) => member.endpoint.redundancyGroup);
  return db.$transaction(async (tx) => {
    await lockSite(tx, site.id, groups);
    const admitted = await tx.cycleEndpoint.findMany({
      where: { ...members, state: 'admitted' },
      include: { endpoint: true },
    });
    // Admitted by a call whose answer was lost: told again, so that they are started.
    const lost = admitted.filter((row) => !inFlight.includes(row.endpointId));
    const open = await tx.cycleEndpoint.findMany({
      where: { ...members, state: { in: [...notAdmitted] } },
      include: { endpoint: true },
      orderBy: { ringOrder: 'asc' },
    });
    // One that was silent when the cycle planned is not asked: it has no plan yet, and its catch-up makes one.
    const candidates = open.filter((row) => !row.online || asked.includes(row.endpointId));
    const notAsked = open.some((row) => row.state === 'planned' && !candidates.includes(row));
    if (candidates.length === 0) return { start: lost.map(toInput), waiting: [], moreToAsk: notAsked };

    const windows = await windowsOf(tx, cycleId, site.id);
    const halted = await haltedAmong(tx, cycleId, candidates);
    const rows = candidates.map((row) => ({ ...row, online: only !== undefined || row.online }));
    const expected = await expectationsOf(tx, { cycleId, policy, rows });
    const decided = admit({
      now: new Date().toISOString(),
      candidates: rows.map((row) => ({
        endpointId: row.endpointId,
        online: row.online && online.includes(row.endpointId),
        windows,
        criticality: row.endpoint.criticality as Criticality,
        redundancyGroup: row.endpoint.redundancyGroup,
        expectedMinutes: (expected.get(row.endpointId) ?? unplannedExpectation).minutes,
        halted: halted.get(row.endpointId) ?? null,
      })),
      ...(await siteLoad(tx, { cycleId, policy, site, groups })),
    });
    const starts = new Set(decided.start.slice(0, Math.max(0, atMost - lost.length)).map((one) => one.endpointId));
    for (const { endpointId, because } of decided.start) {
      if (!starts.has(endpointId)) continue;
      const learned = expected.get(endpointId)?.because;
      await tx.cycleEndpoint.update({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        data: {
          ...columnsAfter(notAdmitted, 'admitted'),
          waitingFor: null,
          reasons: [...because, ...(learned ? [`expected: ${learned}`] : [])],
        },
      });
    }
    for (const { endpointId, waitingFor, because } of decided.waiting) {
      await tx.cycleEndpoint.update({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        data: {
          ...columnsAfter(notAdmitted, 'waiting'),
          waitingFor: waitingFor === 'halt' ? 'ring' : waitingFor,
          reasons: [...because],
        },
      });
    }
    const start = [...lost, ...candidates.filter((row) => starts.has(row.endpointId))].map(toInput);
    const bearsMore = start.length < atMost && !decided.waiting.some((each) => each.waitingFor === 'budget');
    return { start, waiting: decided.waiting, moreToAsk: notAsked && bearsMore };
  }, siteLockOptions);
}
