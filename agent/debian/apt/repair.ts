/**
 * Brings a package manager that was cut off back into order. dpkg is not atomic, and none of its commands alone repairs
 * what a kill left (`dpkg --configure -a` may return 0 over a broken package), so all steps are tried in order, none
 * stops the next, and only what is installed afterwards counts.
 */
import { join } from 'node:path';
import type { Patch } from '../../../domain/patch.ts';
import type { Run } from '../../machine.ts';
import { audit, isInstalled, knownPackages } from '../dpkg.ts';
import { archives, unattended } from './apt-get.ts';
import { fetched, fileOf, newArchive, oldArchive } from './archives.ts';
import { packageInWork, packagesAtFault, readTail } from './output.ts';
import { plan } from './planning.ts';
import type { ReportedEnd } from './run-files.ts';
import { runHere } from './transaction.ts';

type Repair = Extract<Run, { kind: 'repair' }>;

/** Parts of the limit: a script that hangs must not use up what the later steps need, the rollback above all. */
const share = { lock: 0.1, configure: 0.3, reinstall: 0.1, fix: 0.1, again: 0.2, back: 0.2 } as const;
const outputBytes = 256 * 1024;
const dpkgForce = ['--force-confdef', '--force-confold'] as const;

export async function repair({ patches, limitMinutes }: Repair, output: string): Promise<ReportedEnd> {
  const seconds = (part: keyof typeof share) => Math.floor(limitMinutes * 60 * share[part]);
  const aptGet = (part: keyof typeof share, ...args: readonly string[]) =>
    runHere('apt-get', [...args, `-oDPkg::Lock::Timeout=${seconds('lock')}`], seconds(part));

  // Demands the lock and changes nothing: returns when no other process works on the packages.
  await aptGet('lock', 'check', '--quiet');
  const configured = await runHere('dpkg', [...dpkgForce, '--configure', '-a'], seconds('configure'));
  const hung = configured === null ? packageInWork(await readTail(output, outputBytes)) : null;
  for (const specification of await toReinstall(patches)) {
    await aptGet('reinstall', 'install', '--reinstall', ...unattended, specification);
  }
  await aptGet('fix', 'install', '--fix-broken', '--no-remove', ...unattended);
  await tryPlanAgain(patches, (specifications) =>
    aptGet('again', 'install', ...unattended, '--no-remove', ...specifications),
  );
  const atFault = [...packagesAtFault(await readTail(output, outputBytes)), ...(hung === null ? [] : [hung])];
  if (await isRepaired(patches))
    return { ending: 'finished', because: 'The package manager was repaired.', packagesAtFault: atFault };

  const old = await keptOld(patches);
  if (old.length === 0) {
    return {
      ending: 'failed',
      because: 'It could not be repaired, and no old packages were kept.',
      packagesAtFault: atFault,
    };
  }
  await runHere('dpkg', [...dpkgForce, '--install', ...old], seconds('back'));
  const clean = (await audit()) === '';
  const because = clean
    ? 'It could not be repaired, so its packages were rolled back.'
    : 'It could not be repaired, and rolling its packages back did not succeed either.';
  return { ending: 'failed', because, packagesAtFault: atFault };
}

/** What dpkg marks `R`, at the planned version or else at its own. */
async function toReinstall(patches: readonly Patch[]): Promise<readonly string[]> {
  const marked = (await knownPackages()).filter((each) => each.mustBeReinstalled);
  const present = await fetched();
  return marked.map((each) => {
    const planned = patches.find((patch) => patch.package === each.package && patch.architecture === each.architecture);
    if (planned && present.has(newArchive(planned))) return fileOf(planned);
    return `${each.name}=${planned?.to ?? each.version}`;
  });
}

async function tryPlanAgain(
  patches: readonly Patch[],
  act: (specifications: readonly string[]) => Promise<unknown>,
): Promise<void> {
  try {
    const { specifications, simulation } = await plan(patches);
    if (simulation.installs.length > 0 && simulation.removes.length === 0) await act(specifications);
  } catch (error) {
    console.log(`The plan cannot be tried again: ${(error as Error).message}`);
  }
}

async function isRepaired(patches: readonly Patch[]): Promise<boolean> {
  const installed = (await knownPackages()).filter(isInstalled);
  const planned = patches.every(({ package: name, architecture, to }) =>
    installed.some((each) => each.package === name && each.architecture === architecture && each.version === to),
  );
  return planned && (await audit()) === '';
}

/** The kept files of old versions, of every planned package that is not wholly at its old version now. */
async function keptOld(patches: readonly Patch[]): Promise<readonly string[]> {
  const present = await fetched();
  return patches
    .flatMap(oldArchive)
    .filter((name) => present.has(name))
    .map((name) => join(archives, name));
}
