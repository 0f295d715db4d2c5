/**
 * Puts the packages of a plan back to the versions from before, where the whole machine must not go back. By dpkg and
 * from the kept files alone: apt-get refuses to plan over packages that a failed install left broken. As with a repair,
 * no step stops the next, and only what is installed afterwards counts.
 */
import { join } from 'node:path';
import type { Patch } from '../../../domain/patch.ts';
import type { Run } from '../../machine.ts';
import { audit, knownPackages } from '../dpkg.ts';
import type { DpkgPackage } from '../dpkg.ts';
import { archives } from './apt-get.ts';
import { fetched, oldArchive } from './archives.ts';
import { packagesAtFault, readTail } from './output.ts';
import type { ReportedEnd } from './run-files.ts';
import { runHere } from './transaction.ts';

type PackageRollback = Extract<Run, { kind: 'roll back packages' }>;

/** Parts of the limit; install, remove and configure are done a second time where the first left something. */
const share = { lock: 0.1, install: 0.3, remove: 0.05, configure: 0.05, hold: 0.05 } as const;
const outputBytes = 256 * 1024;
const dpkgForce = ['--force-confdef', '--force-confold'] as const;

/** See `PackageBackEnd.withoutOld`. */
export async function withoutOld(patches: readonly Patch[]): Promise<readonly Patch[]> {
  const present = await fetched();
  return patches.filter((patch) => oldArchive(patch).some((name) => !present.has(name)));
}

export async function rollBack({ patches, hold, limitMinutes }: PackageRollback, output: string): Promise<ReportedEnd> {
  const lost = await withoutOld(patches);
  if (lost.length > 0) {
    const named = lost.map((patch) => `${patch.package} ${patch.from}`).join(', ');
    return failed(`Nothing was changed, because these were not kept: ${named}.`);
  }
  const seconds = (part: keyof typeof share) => Math.floor(limitMinutes * 60 * share[part]);
  const old = patches.flatMap(oldArchive).map((name) => join(archives, name));

  // Demands the lock and changes nothing: returns when no other process works on the packages.
  await runHere('apt-get', ['check', '--quiet', `-oDPkg::Lock::Timeout=${seconds('lock')}`], seconds('lock'));
  for (const _ of ['first', 'again']) {
    if (old.length > 0)
      await runHere('dpkg', [...dpkgForce, '--auto-deconfigure', '--install', ...old], seconds('install'));
    const added = (await knownPackages()).filter((each) => isThere(each) && wasNew(each, patches));
    if (added.length > 0) await runHere('dpkg', ['--remove', ...added.map((each) => each.name)], seconds('remove'));
    await runHere('dpkg', [...dpkgForce, '--configure', '-a'], seconds('configure'));
    if ((await astray(patches)).length === 0 && (await audit()) === '') break;
  }

  const left = await astray(patches);
  const atFault = [...packagesAtFault(await readTail(output, outputBytes))];
  if (left.length > 0) return failed(`These are not as they were: ${left.join(', ')}.`, atFault);
  const held = (await knownPackages()).filter(
    (each) => hold.includes(each.package) && patches.some((patch) => patch.from !== null && isOf(each, patch)),
  );
  const names = held.map((each) => each.name);
  const holding = names.length === 0 ? 0 : await runHere('apt-mark', ['hold', ...names], seconds('hold'));
  if (holding !== 0) return failed('The old versions are back, but apt-mark could not hold them.');
  return { ending: 'finished', because: 'The packages were rolled back.', packagesAtFault: [] };
}

/** Packages that are not at the version from before. */
async function astray(patches: readonly Patch[]): Promise<readonly string[]> {
  const known = (await knownPackages()).filter(isThere);
  return patches
    .filter((patch) => (known.find((each) => isOf(each, patch))?.version ?? null) !== patch.from)
    .map((patch) => patch.package);
}

/** Whatever state it is in: only configuration files may stay of what is taken away. */
function isThere({ state }: DpkgPackage): boolean {
  return state !== 'c' && state !== 'n';
}

function wasNew(each: DpkgPackage, patches: readonly Patch[]): boolean {
  return patches.some((patch) => patch.from === null && isOf(each, patch));
}

function isOf(each: DpkgPackage, patch: Patch): boolean {
  return each.package === patch.package && each.architecture === patch.architecture;
}

function failed(because: string, packagesAtFault: readonly string[] = []): ReportedEnd {
  return { ending: 'failed', because, packagesAtFault: [...packagesAtFault] };
}
