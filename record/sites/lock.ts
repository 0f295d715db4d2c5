/** One arbiter for all cycles of a site: a lock of the database. */
import type { Transaction } from '../database.ts';

/** Of a transaction with `lockSite`: waiting for its turn at a site may take longer than Prisma's five seconds. */
export const siteLockOptions = { timeout: 60_000, maxWait: 30_000 };

/**
 * One arbiter for all cycles of a site: until the transaction ends no other admits at it, nor elsewhere in one of
 * these redundancy groups. Sites are locked before groups, and groups in order, so that no two wait for each other.
 */
export async function lockSite(tx: Transaction, siteId: string, groups: readonly (string | null)[]): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('site'), hashtext(${siteId}))`;
  for (const group of [...new Set(groups)].flatMap((one) => one ?? []).toSorted())
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('redundancy group'), hashtext(${group}))`;
}
