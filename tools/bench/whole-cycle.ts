/** The other side: a whole cycle over the same endpoints, as an operator starts it. */
import type { Running } from '../../workers/running.ts';
import { startCycle } from '../../workers/cycles.ts';

export type TimedCycle = {
  /** From the order to the closed cycle, with its audit, report and review. */
  readonly seconds: number;
  /** From the order to the end of the rollout. */
  readonly rolledOutSeconds: number;
  readonly steps: readonly { readonly step: string; readonly seconds: number }[];
};

/** @throws Error when the cycle did not end with every endpoint patched */
export async function runCycle(
  running: Running,
  of: { readonly clientId: string; readonly policyName: string; readonly endpoints: number },
): Promise<TimedCycle> {
  const { clientId, policyName, endpoints } = of;
  const orderedAt = Date.now();
  const { tenants } = running;
  const temporal = await running.temporal();
  const { cycleId } = await startCycle(running, { clientId, policyName, startedBy: 'the benchmark' });
  await temporal.workflow.getHandle(cycleId).result();
  const closedAt = Date.now();

  const db = tenants.forClient(clientId);
  const rows = await db.cycleEndpoint.findMany({ where: { cycleId } });
  const others = rows.filter((row) => row.outcome !== 'patched');
  const steps = await db.cycleStep.findMany({ where: { cycleId }, orderBy: { startedAt: 'asc' } });
  const rolledOut = steps.find(({ step }) => step === 'rollout')?.endedAt;
  if (rows.length !== endpoints || others.length > 0 || !rolledOut) {
    const ends = others.map((row) => `${row.endpointId}: ${row.outcome ?? row.state} (${row.reasons.join('; ')})`);
    throw new Error(`${cycleId} did not patch all ${endpoints} endpoints. ${ends.join('. ')}`);
  }
  return {
    seconds: (closedAt - orderedAt) / 1000,
    rolledOutSeconds: (rolledOut.getTime() - orderedAt) / 1000,
    steps: steps.map(({ step, startedAt, endedAt }) => ({
      step,
      seconds: ((endedAt?.getTime() ?? closedAt) - startedAt.getTime()) / 1000,
    })),
  };
}
