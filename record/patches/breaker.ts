/**
 * The bad-patch breaker as rows. They belong to the provider: what is counted here over all clients enters no client's
 * record but as "is stopped provider-wide".
 */
import { judgePatch, patchInWords, stoppedAmong } from '../../domain/patches/breaker.ts';
import type { SignOff } from '../../domain/rollout/cycle.ts';
import { type Patch, type PatchId, patchKey, patchName } from '../../domain/patch.ts';
import { appendAudit } from '../audit.ts';
import type { Tenants, Transaction } from '../database.ts';

/** The provider's own audit chain: no client can have a name in brackets. */
const providerChain = '(provider)';

export type CountedFailure = {
  readonly patch: PatchId;
  readonly blamed: boolean;
  readonly clientId: string;
  readonly cycleId: string;
  readonly endpointId: string;
  readonly failedAt: string;
};

/** The patches of a set that are stopped for everyone now. */
export async function stoppedNow(tenants: Tenants, set: readonly Patch[]): Promise<readonly PatchId[]> {
  if (set.length === 0) return [];
  const rows = await tenants.everybody.patchBreaker.findMany({
    where: { inForce: true, package: { in: set.map((patch) => patch.package) } },
  });
  return stoppedAmong(set, rows);
}

/** Of patches named without their architecture, `openssl=3.0.11-1`, those that are stopped for everyone on any. */
export async function stoppedNamed(tenants: Tenants, names: readonly string[]): Promise<readonly PatchId[]> {
  if (names.length === 0) return [];
  const rows = await tenants.everybody.patchBreaker.findMany({ where: { inForce: true } });
  return rows.filter((row) => names.includes(patchName(row)));
}

/**
 * Puts failures on record and stops each patch that has failed often enough. Told again it changes nothing. Two that
 * fail at the same moment wait for each other, so that one of them sees both.
 */
export async function countFailures(
  tenants: Tenants,
  failures: readonly CountedFailure[],
  endpointsAtLeast: number,
): Promise<void> {
  if (failures.length === 0) return;
  await tenants.everybody.$transaction(async (tx) => {
    await lockBreaker(tx);
    await tx.patchFailure.createMany({
      skipDuplicates: true,
      data: failures.map(({ patch, failedAt, ...failure }) => ({
        ...patch,
        ...failure,
        failedAt: new Date(failedAt),
      })),
    });
    const patches = new Map(failures.map(({ patch }) => [patchKey(patch), patch]));
    for (const patch of patches.values()) await stopWhenBad(tx, patch, endpointsAtLeast);
  });
}

async function stopWhenBad(tx: Transaction, patch: PatchId, endpointsAtLeast: number): Promise<void> {
  const known = await tx.patchBreaker.findUnique({ where: { package_architecture_version: patch } });
  if (known?.inForce) return;
  const failures = await tx.patchFailure.findMany({ where: patch });
  const proven = await tx.cyclePatch.count({
    where: { package: patch.package, architecture: patch.architecture, toVersion: patch.version, proven: true },
  });
  const verdict = judgePatch({
    patch,
    failures: failures.map((row) => ({ ...row, failedAt: row.failedAt.toISOString() })),
    provenSomewhere: proven > 0,
    releasedAt: known?.releasedAt?.toISOString() ?? null,
    endpointsAtLeast,
  });
  if (!verdict.stops) return;
  const stoppedAt = new Date();
  const stop = { inForce: true, stoppedAt, because: [...verdict.because] };
  await tx.patchBreaker.upsert({
    where: { package_architecture_version: patch },
    create: { ...patch, ...stop },
    update: stop,
  });
  await appendAudit(tx, providerChain, [
    {
      key: `${patchKey(patch)} stopped at ${stoppedAt.toISOString()}`,
      at: stoppedAt.toISOString(),
      actor: 'patchcycle',
      action: 'stop patch',
      subject: patchKey(patch),
      because: verdict.because,
      detail: { endpoints: verdict.endpoints, clients: verdict.clients },
    },
  ]);
}

/** When a person released patches last, by `patchKey`; those that nobody has released are absent. */
export async function releasesOf(tenants: Tenants, keys: readonly string[]): Promise<ReadonlyMap<string, Date>> {
  if (keys.length === 0) return new Map();
  const rows = await tenants.everybody.patchBreaker.findMany({ where: { releasedAt: { not: null } } });
  return new Map(
    rows.flatMap((row) => (row.releasedAt && keys.includes(patchKey(row)) ? [[patchKey(row), row.releasedAt]] : [])),
  );
}

/**
 * A person answers for a patch: it is no longer stopped, and what failed with it before counts no more, at the breaker
 * and at gates that halted for it. Answers what was released; nothing where it has failed nowhere.
 */
export async function releasePatch(
  tenants: Tenants,
  { package: name, version, signOff, at }: { package: string; version: string; signOff: SignOff; at: string },
): Promise<readonly PatchId[]> {
  return tenants.everybody.$transaction(async (tx) => {
    await lockBreaker(tx);
    const failures = await tx.patchFailure.findMany({ where: { package: name, version } });
    const patches = new Map(
      failures.map(({ architecture }) => [architecture, { package: name, architecture, version }]),
    );
    for (const patch of patches.values()) {
      const release = { inForce: false, releasedAt: new Date(at), releasedBy: signOff.who, releaseReason: signOff.why };
      await tx.patchBreaker.upsert({
        where: { package_architecture_version: patch },
        create: { ...patch, ...release, because: [] },
        update: release,
      });
      await appendAudit(tx, providerChain, [
        {
          key: `${patchKey(patch)} released by ${signOff.who} at ${at}`,
          at,
          actor: signOff.who,
          action: 'release patch',
          subject: patchKey(patch),
          because: [signOff.why],
        },
      ]);
    }
    return [...patches.values()];
  });
}

export type PatchOnRecord = PatchId & {
  readonly inForce: boolean;
  readonly stoppedAt: string | null;
  readonly because: readonly string[];
  readonly releasedAt: string | null;
  readonly releasedBy: string | null;
  readonly releaseReason: string | null;
  readonly failures: readonly { readonly endpointId: string; readonly clientId: string; readonly failedAt: string }[];
};

/** Every patch that has failed on an endpoint of any client, those that are stopped first. For the provider's eyes. */
export async function patchesOnRecord(tenants: Tenants): Promise<readonly PatchOnRecord[]> {
  const db = tenants.everybody;
  const failures = await db.patchFailure.findMany({ orderBy: { failedAt: 'asc' } });
  const rows = new Map((await db.patchBreaker.findMany()).map((row) => [patchKey(row), row]));
  const patches = new Map(failures.map((row) => [patchKey(row), row]));
  const found = [...patches].map(([key, { package: name, architecture, version }]) => {
    const row = rows.get(key);
    return {
      package: name,
      architecture,
      version,
      inForce: row?.inForce ?? false,
      stoppedAt: row?.stoppedAt?.toISOString() ?? null,
      because: row?.because ?? [],
      releasedAt: row?.releasedAt?.toISOString() ?? null,
      releasedBy: row?.releasedBy ?? null,
      releaseReason: row?.releaseReason ?? null,
      failures: failures
        .filter((failure) => patchKey(failure) === key)
        .map(({ endpointId, clientId, failedAt }) => ({ endpointId, clientId, failedAt: failedAt.toISOString() })),
    };
  });
  return found.toSorted(
    (a, b) => Number(b.inForce) - Number(a.inForce) || patchInWords(a).localeCompare(patchInWords(b)),
  );
}

async function lockBreaker(tx: Transaction): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('breaker'))`;
}
