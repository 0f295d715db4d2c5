/** What was seen of a ring: how its members ended, what its soak showed, and what a person has released since. */
import { idOf } from '../../domain/patches/breaker.ts';
import type { RingInput } from '../../domain/rollout/cycle.ts';
import { packagesBehind } from '../../domain/endpoints/outcome.ts';
import type { Evidence } from '../../domain/endpoints/evidence.ts';
import type { Regression, RingFacts } from '../../domain/rollout/gate.ts';
import { type Patch, type PatchId, patchKey } from '../../domain/patch.ts';
import { successorOf } from '../../domain/rollout/successor.ts';
import { type CountedFailure, releasesOf } from '../patches/breaker.ts';
import type { Tenants } from '../database.ts';
import type { readCycle } from '../cycle.ts';
import type { EndpointOutcome } from '../../domain/endpoints/saga.ts';
import { wherePlanned, toPatch } from '../endpoints/plans.ts';

/** Besides the policy's checks: an endpoint that does not answer gives no health data. */
export const agentAnswers = 'its agent answers';

type CycleRead = Awaited<ReturnType<typeof readCycle>>;
type RingEvidence = Awaited<ReturnType<typeof readRingEvidence>>;

export async function readRingEvidence(tenants: Tenants, { db, policy }: CycleRead, { cycleId, ring }: RingInput) {
  const [members, others, checks, evidence] = await Promise.all([
    db.cycleEndpoint.findMany({
      where: { cycleId, ring },
      include: { patches: { where: wherePlanned } },
    }),
    db.cycleEndpoint.findMany({ where: { cycleId, ring: { not: null } }, select: { ring: true } }),
    db.soakCheck.findMany({ where: { cycleId, ring }, orderBy: { at: 'asc' } }),
    db.evidence.findMany({ where: { cycleId, kind: 'after' }, orderBy: { takenAt: 'asc' } }),
  ]);
  const proven = new Map(evidence.map((row) => [row.endpointId, row.content as unknown as Evidence]));
  const sets = new Map(members.map((member) => [member.endpointId, member.patches.map(toPatch)]));
  const lastPresence = new Map(
    checks.filter((check) => check.check === agentAnswers).map((look) => [look.endpointId, look]),
  );
  const regressions = regressionsIn(checks, proven, sets);
  const patched = members.filter((member) => member.outcome === 'patched');
  const facts: RingFacts = {
    ringSize: members.length,
    recordSize: others.filter((other) => successorOf(other.ring ?? '') === successorOf(ring)).length,
    outcomes: members.flatMap(({ endpointId, outcome, patchesAtFault }) =>
      outcome ? [{ endpointId, outcome: outcome as EndpointOutcome, patchesAtFault }] : [],
    ),
    unknown: members.filter((member) => member.state === 'unknown').map((member) => member.endpointId),
    regressions,
    released: await releasedSince(tenants, [
      ...members.map(({ patchesAtFault, endedAt }) => ({ patchesAtFault, failedAt: endedAt })),
      ...regressions.map(({ patchesAtFault, at }) => ({ patchesAtFault, failedAt: at })),
    ]),
    healthDataPresent: patched.every((member) => lastPresence.get(member.endpointId)?.passed === true),
    gate: policy.gate,
  };
  return { facts, regressions, sets };
}

/** Patches that a person has released after the last failure that points to them. */
async function releasedSince(
  tenants: Tenants,
  failures: readonly { readonly patchesAtFault: readonly string[]; readonly failedAt: Date | null }[],
): Promise<readonly string[]> {
  const keys = [...new Set(failures.flatMap(({ patchesAtFault }) => patchesAtFault))];
  const releases = await releasesOf(tenants, keys);
  return keys.filter((key) => {
    const releasedAt = releases.get(key);
    const failedWith = failures.filter(({ patchesAtFault }) => patchesAtFault.includes(key));
    return releasedAt !== undefined && failedWith.every(({ failedAt }) => failedAt !== null && failedAt < releasedAt);
  });
}

type SoakObservation = {
  readonly endpointId: string;
  readonly check: string;
  readonly passed: boolean;
  readonly observed: string;
  readonly at: Date;
};

type SeenRegression = Regression & { readonly patchesAtFault: readonly string[]; readonly at: Date };

/** Checks that passed when the endpoint was proven and failed at any look since, each once. */
function regressionsIn(
  observations: readonly SoakObservation[],
  proven: ReadonlyMap<string, Evidence>,
  sets: ReadonlyMap<string, readonly Patch[]>,
): readonly SeenRegression[] {
  const worked = (look: SoakObservation) =>
    proven.get(look.endpointId)?.checks.some((check) => check.check === look.check && check.passed) === true;
  const failed = observations.filter((look) => !look.passed && worked(look));
  const once = new Map(failed.map((look) => [`${look.endpointId} ${look.check}`, look]));
  return [...once.values()].map(({ endpointId, check, observed, at }) => ({
    endpointId,
    what: `${check} saw ${observed}`,
    patchesAtFault: blamedIn(sets.get(endpointId) ?? [], check).map(patchKey),
    at,
  }));
}

/** The patches of a set that a failing check points to. */
function blamedIn(set: readonly Patch[], check: string): readonly PatchId[] {
  const names = packagesBehind(check, set);
  return set.filter((patch) => names.includes(patch.package)).map(idOf);
}

/** Regressions as the breaker counts them: those that point to a patch. */
export function regressionsCounted(
  { cycleId, clientId }: RingInput,
  { regressions, sets }: RingEvidence,
): readonly CountedFailure[] {
  return regressions.flatMap(({ endpointId, patchesAtFault, at }) =>
    (sets.get(endpointId) ?? [])
      .map(idOf)
      .filter((patch) => patchesAtFault.includes(patchKey(patch)))
      .map((patch) => ({ patch, blamed: true, clientId, cycleId, endpointId, failedAt: at.toISOString() })),
  );
}
