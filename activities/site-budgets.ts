/** What a site has to bear already, whichever cycle does it, and which emergencies wait for it. */
import type { Disturbed, EmergencyClaim } from '../domain/admission.ts';
import { atWork, budgetOf, disturbanceOf } from '../domain/budget.ts';
import type { EndpointOutcome } from '../domain/endpoint-facts.ts';
import { type Expectation, unplannedExpectation } from '../domain/expected-duration.ts';
import { haltFor } from '../domain/halt.ts';
import type { Amount, Policy } from '../domain/policy.ts';
import { haltsInForce, patchName } from './halts.ts';
import { windowsOf } from './site-windows.ts';
import type { Transaction } from './ports/database.ts';
import { grouped, isPlanned } from './rows.ts';

type Member = {
  readonly cycleId: string;
  readonly endpointId: string;
  readonly siteId: string;
  readonly ring: string | null;
};

export type SiteLoad = {
  readonly disturbed: readonly Disturbed[];
  readonly emergencies: readonly EmergencyClaim[];
  readonly siteBudget: number;
  readonly siteSize: number;
};

/** Of a transaction with `lockSite`: waiting for its turn at a site may take longer than Prisma's five seconds. */
export const sitePatience = { timeout: 60_000, maxWait: 30_000 };

/**
 * One arbiter for all cycles of a site: until the transaction ends nobody else admits at it, nor elsewhere in one of
 * these redundancy groups. Sites are locked before groups, and groups in order, so that nobody waits in a circle.
 */
export async function lockSite(tx: Transaction, siteId: string, groups: readonly (string | null)[]): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('site'), hashtext(${siteId}))`;
  for (const group of [...new Set(groups)].flatMap((one) => one ?? []).toSorted())
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('redundancy group'), hashtext(${group}))`;
}

export async function siteLoad(
  tx: Transaction,
  question: {
    readonly cycleId: string;
    readonly policy: Policy;
    readonly site: { readonly id: string; readonly budget: unknown };
    readonly groups: readonly (string | null)[];
  },
): Promise<SiteLoad> {
  const { cycleId, policy, site } = question;
  const siteSize = await tx.endpoint.count({ where: { siteId: site.id, retiredAt: null } });
  return {
    disturbed: await disturbedAt(tx, cycleId, site.id, question.groups),
    emergencies: await emergenciesAt(tx, cycleId, site.id),
    siteBudget: budgetOf({ site: site.budget as Amount | null, policy: policy.budget, siteSize }),
    siteSize,
  };
}

async function disturbedAt(
  tx: Transaction,
  cycleId: string,
  siteId: string,
  groups: readonly (string | null)[],
): Promise<readonly Disturbed[]> {
  const named = [...new Set(groups)].flatMap((group) => group ?? []);
  const rows = await tx.cycleEndpoint.findMany({
    where: {
      OR: [{ siteId }, { endpoint: { redundancyGroup: { in: named } } }],
      AND: [
        { OR: [{ state: { in: [...atWork, 'unknown'] } }, { outcome: { in: ['rolled_back', 'quarantined'] } }] },
        { OR: [{ outcome: { not: 'rolled_back' } }, { outcome: null }, { cycleId }, { cycle: { state: 'running' } }] },
      ],
      endpoint: { retiredAt: null },
    },
    include: { endpoint: true, cycle: true },
  });
  const disturbed: Disturbed[] = [];
  for (const row of rows) {
    const outcome = row.outcome as EndpointOutcome | null;
    const disturbance = disturbanceOf({
      state: row.state,
      outcome,
      cycleIsOpen: row.cycleId === cycleId || row.cycle.state === 'running',
      mendedSince: outcome === 'quarantined' && (row.releasedAt !== null || (await mendedSince(tx, row))),
    });
    const { redundancyGroup } = row.endpoint;
    if (disturbance)
      disturbed.push({ endpointId: row.endpointId, redundancyGroup, disturbance, atSite: row.siteId === siteId });
  }
  // Of several rows of one endpoint the one that says most of now comes last, and holds.
  return disturbed.toSorted((a, b) => Number(b.disturbance === 'failed') - Number(a.disturbance === 'failed'));
}

async function mendedSince(
  tx: Transaction,
  { endpointId, endedAt }: { endpointId: string; endedAt: Date | null },
): Promise<boolean> {
  const proven = { outcome: { in: ['patched', 'unchanged', 'rolled_back'] } };
  const later = await tx.cycleEndpoint.count({
    where: { endpointId, ...proven, endedAt: { gt: endedAt ?? new Date() } },
  });
  return later > 0;
}

/** Endpoints of emergencies that were refused for the site's budget; none goes before another emergency. */
async function emergenciesAt(tx: Transaction, cycleId: string, siteId: string): Promise<readonly EmergencyClaim[]> {
  const asking = await tx.cycle.findUniqueOrThrow({ where: { id: cycleId } });
  if (asking.kind === 'emergency') return [];
  const rows = await tx.cycleEndpoint.findMany({
    where: { siteId, state: 'waiting', waitingFor: 'budget', escalatedAt: null, cycle: { kind: 'emergency' } },
    include: { endpoint: true },
    orderBy: [{ cycleId: 'asc' }, { ringOrder: 'asc' }],
  });
  const claims: EmergencyClaim[] = [];
  for (const [emergencyId, members] of grouped(rows, (row) => row.cycleId)) {
    const windows = await windowsOf(tx, emergencyId, siteId);
    const halted = await haltedAmong(tx, emergencyId, members);
    for (const { cycleId, endpointId, endpoint, expectation, deadlineAt } of members)
      claims.push({
        cycleId,
        endpointId,
        redundancyGroup: endpoint.redundancyGroup,
        windows,
        expectedMinutes: ((expectation as Expectation | null) ?? unplannedExpectation).minutes,
        halted: halted.get(endpointId) ?? null,
        deadlineAt: deadlineAt?.toISOString() ?? null,
      });
  }
  return claims;
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
      ...isPlanned,
    },
    select: { endpointId: true, package: true, toVersion: true },
  });
  const patchesOf = grouped(patches, (patch) => patch.endpointId);
  return new Map(
    members.flatMap(({ endpointId, siteId, ring }) => {
      const own = (patchesOf.get(endpointId) ?? []).map(patchName);
      const halted = haltFor(halts, { cycleId, ring, siteId, endpointId, patches: own });
      return halted ? [[endpointId, halted.because] as const] : [];
    }),
  );
}
