/** What is asked before anything is started: a permit for one effect, and what holds a ring. */
import { haltFor, ringHaltFor } from '../../domain/rollout/halt.ts';
import { excludedInWords } from '../../domain/patches/excluded.ts';
import type { Permit } from '../../domain/endpoints/operation.ts';
import type { Policy } from '../../domain/policies/policy.ts';
import { excludedNamed } from '../../record/patches/excluded.ts';
import type { Tenants } from '../../record/database.ts';
import { clientIdOf } from '../../domain/ids.ts';
import { patchOfRow } from '../../record/endpoints/plans.ts';
import { haltsInForce, waitingIn } from '../../record/orders/halts.ts';
import { bound } from '../bound.ts';

type Ports = { tenants: Tenants };

export function permitActivities(ports: Ports) {
  return bound(ports, {
    issuePermit,
    haltsOn,
  });
}

/**
 * A permit for one effect, given after the halts, the stopped patches and the skipped ones were read. Spent within a
 * second or not at all. None of them refuses what finishes something that was started.
 */
async function issuePermit(
  { tenants }: Ports,
  {
    clientId,
    cycleId,
    endpointId,
    siteId,
    patches,
    finishes,
  }: {
    clientId: string;
    cycleId: string;
    endpointId: string;
    siteId: string;
    /** What the effect installs or fetches: `openssl=3.0.11-1`. */
    patches: readonly string[];
    finishes: boolean;
  },
): Promise<Permit | { readonly refusedBecause: readonly string[] }> {
  const db = tenants.forClient(clientId);
  const halts = finishes ? [] : await haltsInForce(db, cycleId);
  if (halts.length > 0) {
    const member = await db.cycleEndpoint.findUnique({ where: { cycleId_endpointId: { cycleId, endpointId } } });
    const halted = haltFor(halts, { cycleId, ring: member?.ring ?? null, siteId, endpointId, patches });
    if (halted) return { refusedBecause: halted.because };
  }
  const excluded = finishes ? [] : await excludedNamed(tenants, cycleId, patches);
  if (excluded.length > 0) return { refusedBecause: excludedInWords(excluded, patches.length) };
  const issuedAt = new Date().toISOString();
  return { permitId: `${cycleId} ${issuedAt}`, issuedAt };
}

/**
 * What holds a ring that has members left to start, or the cycle between its rings (`ring` null), and for how many
 * seconds a person may still resume it; null when nothing does.
 */
async function haltsOn(
  { tenants }: Ports,
  { cycleId, ring }: { cycleId: string; ring: string | null },
): Promise<{
  readonly because: readonly string[];
  readonly secondsRemaining: number;
} | null> {
  const db = tenants.forClient(clientIdOf(cycleId));
  const halts = await haltsInForce(db, cycleId);
  const cycle = await db.cycle.findUnique({ where: { id: cycleId } });
  // Halted before it began: it asks again when it has something to hold.
  if (halts.length === 0 || !cycle) return null;
  const waiting = ring === null ? [] : await waitingIn(db, cycleId, ring);
  if (ring !== null && waiting.length === 0) return null;
  const patches = waiting.flatMap((row) => row.patches.map(patchOfRow));
  const hold = ringHaltFor(halts, { cycleId, ring, patches }, (cycle.policy as unknown as Policy).deadlineDays);
  if (!hold) return null;
  return { because: hold.because, secondsRemaining: Math.ceil((Date.parse(hold.untilAt) - Date.now()) / 1000) };
}
