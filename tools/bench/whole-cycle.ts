/** The other side: a whole cycle over the same endpoints, as an operator starts it. */
import { setTimeout as delay } from 'node:timers/promises';
import { startCycle } from '../../operator/cycles.ts';
import type { Running } from '../../operator/connect.ts';

export type TimedCycle = {
  /** From the order to the closed cycle, with its audit, report and review. */
  readonly seconds: number;
  /** From the order to the end of the rollout. */
  readonly rolledOutSeconds: number;
  readonly steps: readonly { readonly step: string; readonly seconds: number }[];
};

/** With nothing to soak and nobody to ask, a step or an endpoint gets on every few seconds. */
const idleMilliseconds = 300_000;
const lookMilliseconds = 5000;

/** @throws Error when the cycle did not end with every endpoint patched, or did not get on */
export async function runCycle(
  running: Running,
  of: { readonly clientId: string; readonly policyName: string; readonly endpoints: number },
): Promise<TimedCycle> {
  const { clientId, policyName, endpoints } = of;
  const db = running.tenants.forClient(clientId);
  const temporal = await running.temporal();
  const orderedAt = Date.now();
  const { cycleId } = await startCycle(running, { clientId, policyName, startedBy: 'the benchmark' });
  await waitForEnd(cycleId, temporal.workflow.getHandle(cycleId).result(), () =>
    progressOf(running, clientId, cycleId),
  );
  const closedAt = Date.now();

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

/** Waits for the cycle as long as it gets on. */
async function waitForEnd(cycleId: string, closed: Promise<unknown>, progress: () => Promise<string>): Promise<void> {
  let seen = await progress();
  let seenAt = performance.now();
  while (!(await Promise.race([closed.then(() => true), delay(lookMilliseconds, false)]))) {
    const now = await progress();
    if (now !== seen) seenAt = performance.now();
    seen = now;
    if (performance.now() - seenAt > idleMilliseconds)
      throw new Error(`${cycleId} did not get on for ${idleMilliseconds / 1000} s, and is given up.`);
  }
}

/** Changes whenever a step or an endpoint of the cycle gets on. */
async function progressOf({ tenants }: Running, clientId: string, cycleId: string): Promise<string> {
  const db = tenants.forClient(clientId);
  const steps = await db.cycleStep.findMany({ where: { cycleId }, orderBy: { startedAt: 'asc' } });
  const endpoints = await db.cycleEndpoint.findMany({ where: { cycleId }, orderBy: { endpointId: 'asc' } });
  return JSON.stringify([steps.map(({ step, endedAt }) => [step, endedAt]), endpoints.map(({ state }) => state)]);
}
