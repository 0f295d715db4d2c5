/** Of which patches nothing starts in a cycle: those stopped for everyone, and those that a person skipped in it. */
import { idOf } from '../../domain/patches/breaker.ts';
import {
  type ExcludedPatch,
  type SkippedPatch,
  excludedByBreaker,
  excludedBySkip,
} from '../../domain/patches/excluded.ts';
import { type Patch, patchName, patchKey } from '../../domain/patch.ts';
import { stoppedNamed, stoppedNow } from './breaker.ts';
import type { Tenants, Transaction } from '../database.ts';
import { clientIdOf } from '../../domain/ids.ts';

/** Those of a set of patches. */
export async function excludedFrom(
  tenants: Tenants,
  cycleId: string,
  set: readonly Patch[],
): Promise<readonly ExcludedPatch[]> {
  const keys = new Set(set.map((patch) => patchKey(idOf(patch))));
  const skipped = await skippedIn(tenants.forClient(clientIdOf(cycleId)), cycleId);
  return [
    ...(await stoppedNow(tenants, set)).map(excludedByBreaker),
    ...skipped.filter((patch) => keys.has(patchKey(patch))).map(excludedBySkip),
  ];
}

/** Of patches named without their architecture, `openssl=3.0.11-1`, those that are left out on any. */
export async function excludedNamed(
  tenants: Tenants,
  cycleId: string,
  names: readonly string[],
): Promise<readonly ExcludedPatch[]> {
  if (names.length === 0) return [];
  const skipped = await skippedIn(tenants.forClient(clientIdOf(cycleId)), cycleId);
  return [
    ...(await stoppedNamed(tenants, names)).map(excludedByBreaker),
    ...skipped.filter((patch) => names.includes(patchName(patch))).map(excludedBySkip),
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
