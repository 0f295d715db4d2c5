/** What gates say, asked by those who start endpoints. */
import type { Tenants } from '../database.ts';
import type { RingInput } from '../../domain/rollout/cycle.ts';
import { type GateVerdict, judgeRing } from '../../domain/rollout/gate.ts';
import { readRingEvidence } from './ring-evidence.ts';
import { readCycle } from '../cycle.ts';
import { successorOf } from '../../domain/rollout/successor.ts';

/** What the gate says of a ring with what has ended and been seen by now. */
export async function ringVerdict(tenants: Tenants, input: RingInput): Promise<GateVerdict> {
  const { facts } = await readRingEvidence(tenants, await readCycle(tenants, input.cycleId), input);
  return judgeRing(facts);
}

/**
 * Why no endpoint of a ring's record may be started, for those that do not start with their ring; null when no gate of
 * the record halts: neither theirs as it stands now, nor another as it was judged.
 */
export async function haltedGate(tenants: Tenants, input: RingInput): Promise<readonly string[] | null> {
  const judged = await tenants.forClient(input.clientId).gateVerdict.findMany({ where: { cycleId: input.cycleId } });
  const halted = judged.find(
    ({ ring, verdict }) => verdict === 'halt' && ring !== input.ring && successorOf(ring) === successorOf(input.ring),
  );
  const now = halted ?? (await ringVerdict(tenants, input));
  return now.verdict === 'halt' ? now.because : null;
}
