/** How a cycle ends, as rows: its endpoints that no ring will start, and the cycle itself. */
import { readCycle } from '../../record/cycle.ts';
import { notBegun, columnsAfter, stateInWords } from '../../domain/endpoints/saga.ts';
import { restoreEarlierEnds } from '../../record/cycles/successors.ts';
import type { CycleState, CycleSummary } from '../../domain/rollout/cycle.ts';
import { appendAudit } from '../../record/audit.ts';
import type { Tenants } from '../../record/database.ts';
import { bound } from '../bound.ts';

type Ports = { tenants: Tenants };

export function cycleEndActivities(ports: Ports) {
  return bound(ports, { endWithoutRollout, closeCycle });
}

/**
 * Ends every endpoint that no ring will start: unchanged where nothing was due, else skipped. One that is offline
 * continues to wait.
 */
async function endWithoutRollout(
  { tenants }: Ports,
  { cycleId, because }: { cycleId: string; because: string },
): Promise<void> {
  const { db, cycle } = await readCycle(tenants, cycleId);
  const open = {
    cycleId,
    policyName: cycle.policyVersion.name,
    outcome: null,
    state: { in: [...notBegun] },
  };
  const ended = { waitingFor: null, endedAt: new Date() };
  await restoreEarlierEnds(db, cycleId, [because]);
  const due = { decision: { in: ['offered', 'approved', 'added', 'dropped'] } };
  await db.$transaction([
    db.cycleEndpoint.updateMany({
      where: { ...open, online: false },
      data: {
        ...columnsAfter(notBegun, 'waiting'),
        waitingFor: 'offline',
        reasons: ['its agent does not answer', because],
      },
    }),
    db.cycleEndpoint.updateMany({
      where: { ...open, online: true, surveyedAt: { not: null }, patches: { none: due } },
      data: { ...ended, ...columnsAfter(notBegun, 'unchanged'), reasons: ['nothing was due', because] },
    }),
    db.cycleEndpoint.updateMany({
      where: { ...open, online: true, OR: [{ surveyedAt: null }, { patches: { some: due } }] },
      data: { ...ended, ...columnsAfter(notBegun, 'skipped'), reasons: [because] },
    }),
  ]);
}

async function closeCycle(
  { tenants }: Ports,
  { cycleId, state }: { cycleId: string; state: CycleState },
): Promise<CycleSummary> {
  const { db, cycle } = await readCycle(tenants, cycleId);
  const rows = await db.cycleEndpoint.findMany({ where: { cycleId, policyName: cycle.policyVersion.name } });
  const endpoints: Record<string, number> = {};
  for (const row of rows) {
    const end = row.outcome ?? 'waiting';
    endpoints[end] = (endpoints[end] ?? 0) + 1;
  }
  const because = [
    `${state}: ${Object.entries(endpoints)
      .map(([end, count]) => `${count} ${stateInWords(end)}`)
      .join(', ')}`,
  ];
  const endedAt = new Date();
  await db.$transaction(async (tx) => {
    await tx.cycle.update({ where: { id: cycleId }, data: { state, endedAt } });
    await appendAudit(tx, cycle.clientId, [
      {
        key: `${cycleId} closed`,
        at: endedAt.toISOString(),
        actor: 'patchcycle',
        action: 'close cycle',
        subject: cycleId,
        because,
      },
    ]);
  });
  return { cycleId, state, endpoints, because };
}
