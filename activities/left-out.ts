/** Of which patches nothing starts in a cycle: those stopped for everyone, and those that a person skipped in it. */
import { idOf, patchKey } from '../domain/breaker.ts';
import { clientIdOf } from '../domain/cycle.ts';
import { type LeftOut, type SkippedPatch, leftOutByBreaker, leftOutBySkip } from '../domain/left-out.ts';
import type { Patch } from '../domain/patch.ts';
import { stoppedNamed, stoppedNow } from './breaker.ts';
import type { Tenants, Transaction } from './ports/database.ts';

/** Those of a set of patches. */
export async function leftOutOf(tenants: Tenants, cycleId: string, set: readonly Patch[]): Promise<readonly LeftOut[]> {
  const keys = new Set(set.map((patch) => patchKey(idOf(patch))));
  const skipped = await skippedIn(tenants.forClient(clientIdOf(cycleId)), cycleId);
  return [
    ...(await stoppedNow(tenants, set)).map(leftOutByBreaker),
    ...skipped.filter((patch) => keys.has(patchKey(patch))).map(leftOutBySkip),
  ];
}

/** Of patches named without their architecture, `openssl=3.0.11-1`, those that are left out on any. */
export async function leftOutNamed(
  tenants: Tenants,
  cycleId: string,
  names: readonly string[],
): Promise<readonly LeftOut[]> {
  if (names.length === 0) return [];
  const skipped = await skippedIn(tenants.forClient(clientIdOf(cycleId)), cycleId);
  return [
    ...(await stoppedNamed(tenants, names)).map(leftOutByBreaker),
    ...skipped.filter((patch) => names.includes(`${patch.package}=${patch.version}`)).map(leftOutBySkip),
  ];
}

/** What people have skipped in a cycle, in the order in which they did. */
export async function skippedIn(
  db: Pick<Transaction, 'skippedPatch'>,
  cycleId: string,
): Promise<readonly SkippedPatch[]> {
  const rows = await db.skippedPatch.findMany({ where: { cycleId }, orderBy: { skippedAt: 'asc' } });
  return rows.map(({ package: name, architecture, version, skippedBy, reason }) => ({
    package: name,
    architecture,
    version,
    skippedBy,
    reason,
  }));
}
