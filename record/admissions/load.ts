/** What a site has to bear already, whichever cycle does it, and which emergencies wait for it. */
import type { Disturbed, EmergencyClaim } from '../../domain/rollout/admission.ts';
import { atWork, budgetOf, disturbanceOf } from '../../domain/rollout/budget.ts';
import { type Expectation, unplannedExpectation } from '../../domain/rollout/expected-duration.ts';
import type { Policy } from '../../domain/policies/policy.ts';
import { windowsOf } from '../sites/windows.ts';
import type { Transaction } from '../database.ts';
import type { EndpointOutcome } from '../../domain/endpoints/saga.ts';
import type { Amount } from '../../domain/policies/amount.ts';
import { grouped } from '../../domain/grouped.ts';
import { haltedAmong } from '../orders/halts.ts';

export type SiteLoad = {
  readonly disturbed: readonly Disturbed[];
  readonly emergencies: readonly EmergencyClaim[];
  readonly siteBudget: number;
  readonly siteSize: number;
};

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
  const cleared = await provenSince(tx, rows);
  const disturbed: Disturbed[] = [];
  for (const row of rows) {
    const outcome = row.outcome as EndpointOutcome | null;
    const disturbance = disturbanceOf({
      state: row.state,
      outcome,
      cycleIsOpen: row.cycleId === cycleId || row.cycle.state === 'running',
      clearedSince: outcome === 'quarantined' && (row.releasedAt !== null || cleared(row)),
    });
    const { redundancyGroup } = row.endpoint;
    if (disturbance)
      disturbed.push({ endpointId: row.endpointId, redundancyGroup, disturbance, atSite: row.siteId === siteId });
  }
  // Of several rows of one endpoint the one that says most of now comes last, and holds.
  return disturbed.toSorted((a, b) => Number(b.disturbance === 'failed') - Number(a.disturbance === 'failed'));
}

type Ended = { readonly endpointId: string; readonly endedAt: Date | null };

/** Whether a later cycle has proven an endpoint since it was quarantined: asked once for all of them. */
async function provenSince(
  tx: Transaction,
  rows: readonly (Ended & { readonly outcome: string | null; readonly releasedAt: Date | null })[],
): Promise<(row: Ended) => boolean> {
  const asked = rows.filter(({ outcome, releasedAt }) => outcome === 'quarantined' && releasedAt === null);
  if (asked.length === 0) return () => false;
  const proven = await tx.cycleEndpoint.findMany({
    where: {
      endpointId: { in: [...new Set(asked.map(({ endpointId }) => endpointId))] },
      outcome: { in: ['patched', 'unchanged', 'rolled_back'] },
    },
    select: { endpointId: true, endedAt: true },
  });
  return ({ endpointId, endedAt }) =>
    proven.some((later) => later.endpointId === endpointId && isLater(later.endedAt, endedAt));
}

function isLater(one: Date | null, other: Date | null): boolean {
  return one !== null && other !== null && one > other;
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
