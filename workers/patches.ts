/** What the provider knows of bad patches over all clients, and how a person releases one. */
import { type PatchOnRecord, patchesOnRecord, releasePatch } from '../activities/breaker.ts';
import type { Tenants } from '../activities/ports/database.ts';
import { patchInWords } from '../domain/breaker.ts';
import type { PersonsWord } from '../domain/cycle.ts';
import { AskedWrongly } from './refusals.ts';

type Door = { readonly tenants: Tenants };

/** Every patch that has failed on an endpoint of any client, those that are stopped first. */
export function badPatches({ tenants }: Door): Promise<readonly PatchOnRecord[]> {
  return patchesOnRecord(tenants);
}

/**
 * Releases a patch on every architecture; says what that came to.
 * @throws AskedWrongly when it has failed nowhere
 */
export async function releaseBadPatch(
  { tenants }: Door,
  patch: { readonly package: string; readonly version: string },
  word: PersonsWord,
): Promise<string> {
  const released = await releasePatch(tenants, { ...patch, word, at: new Date().toISOString() });
  if (released.length === 0)
    throw new AskedWrongly(
      `${patchInWords(patch)} has failed on no endpoint: there is nothing to release. See: patchcycle patch list`,
    );
  return (
    `Released ${patchInWords(patch)}: new cycles may install it, and what failed with it before counts no more.` +
    ` Cycles that took it out go on without it.`
  );
}
