/** What the provider knows of bad patches over all clients, and how a person releases one. */
import { type PatchOnRecord, patchesOnRecord, releasePatch } from '../record/patches/breaker.ts';
import type { Tenants } from '../record/database.ts';
import { patchInWords } from '../domain/patches/breaker.ts';
import type { SignOff } from '../domain/rollout/cycle.ts';
import { InvalidRequest } from './errors.ts';

type Connections = { readonly tenants: Tenants };

/** Every patch that has failed on an endpoint of any client, those that are stopped first. */
export function badPatches({ tenants }: Connections): Promise<readonly PatchOnRecord[]> {
  return patchesOnRecord(tenants);
}

/**
 * Releases a patch on every architecture; says what that came to.
 * @throws InvalidRequest when it has failed nowhere
 */
export async function releaseBadPatch(
  { tenants }: Connections,
  patch: { readonly package: string; readonly version: string },
  signOff: SignOff,
): Promise<string> {
  const released = await releasePatch(tenants, { ...patch, signOff, at: new Date().toISOString() });
  if (released.length === 0)
    throw new InvalidRequest(
      `${patchInWords(patch)} has failed on no endpoint: there is nothing to release. See: patchcycle patch list`,
    );
  return (
    `Released ${patchInWords(patch)}: new cycles may install it, and what failed with it before counts no more.` +
    ` Cycles that took it out go on without it.`
  );
}
