/** The end of a cycle by a person's order. */
import type { SignOff } from '../../domain/rollout/cycle.ts';
import { appendAudit, orderEntry } from '../audit.ts';
import type { Tenants } from '../database.ts';
import { clientIdOf } from '../../domain/ids.ts';
import { lockHalts, putHalt } from './halts.ts';

const cancelled = 'cancel cycle';

/** Puts on record who cancels a cycle, and halts it, so that nothing starts before the cycle has heard of it. */
export async function orderCancel(
  tenants: Tenants,
  { cycleId, signOff, at }: { cycleId: string; signOff: SignOff; at: string },
): Promise<void> {
  const target = { scope: 'cycle', subject: cycleId } as const;
  await tenants.forClient(clientIdOf(cycleId)).$transaction(async (tx) => {
    await lockHalts(tx, cycleId);
    await putHalt(tx, { cycleId, target, signOff: { ...signOff, why: `cancelled: ${signOff.why}` }, at });
    await appendAudit(tx, clientIdOf(cycleId), [orderEntry(cancelled, cycleId, target, signOff, at)]);
  });
}

/** Why a cycle that was cancelled was: who did it, where that is known. */
export async function cancellationOf(
  tenants: Tenants,
  { cycleId }: { cycleId: string },
): Promise<{ readonly because: string }> {
  const order = await tenants.forClient(clientIdOf(cycleId)).auditEvent.findFirst({
    where: { action: cancelled, subject: cycleId },
    orderBy: { sequence: 'desc' },
  });
  const by = order ? ` by ${order.actor}: ${order.because.join('; ')}` : '';
  return { because: `the cycle was cancelled${by}` };
}
