/** What the package manager would do for a plan: asked before it is done, and asked again by the run itself. */
import type { DryRun, Patch } from '../../../domain/patch.ts';
import { PackageManagerFailed } from '../../machine.ts';
import { complaint, simulate } from './apt-get.ts';
import { fetched, fileOf, newArchive, specificationOf } from './archives.ts';
import { knownPlan, packageState, rememberPlan } from './known-plans.ts';
import { installsOnly, onlyInstalling, parseImpossible, parseSimulation } from './simulation.ts';
import type { Impossible, Simulation } from './simulation.ts';

export type Plan = {
  /** What to tell apt-get: `name:architecture=version`, or a fetched file whose version the lists no longer know. */
  readonly specifications: readonly string[];
  readonly simulation: Simulation;
  readonly impossible: readonly Impossible[];
};

/** Throws `PackageManagerFailed` when apt-get fails over something else than the patches that were asked for. */
export async function plan(patches: readonly Patch[]): Promise<Plan> {
  const state = await packageState();
  const known = await knownPlan(state, patches);
  if (known) return { specifications: patches.map(specificationOf), simulation: onlyInstalling(known), impossible: [] };
  const tried = await tryOut(patches);
  if (doesOnly(patches, tried)) await rememberPlan(state, tried.simulation.installs);
  return tried;
}

/** Whether the plan installs exactly these, from the lists, and does nothing else. */
function doesOnly(patches: readonly Patch[], { specifications, simulation, impossible }: Plan): boolean {
  return (
    impossible.length === 0 &&
    patches.every((patch) => specifications.includes(specificationOf(patch))) &&
    installsOnly(simulation) &&
    simulation.installs.length === patches.length
  );
}

async function tryOut(patches: readonly Patch[]): Promise<Plan> {
  const present = await fetched();
  const specifications = new Map(patches.map((patch) => [patch, specificationOf(patch)]));
  const impossible: Impossible[] = [];
  while (specifications.size > 0) {
    const ran = await simulate('install', ...specifications.values());
    const simulation = parseSimulation(ran.stdout);
    const held = simulation.heldChanged.map((name) => ({ package: name, because: `${name} is on hold` }));
    const refused = [...parseImpossible(ran.stdout, ran.stderr), ...held].filter(({ package: name }) =>
      [...specifications.keys()].some((patch) => patch.package === name),
    );
    if (refused.length === 0) {
      if (ran.code !== 0) throw new PackageManagerFailed(`apt-get cannot plan this: ${complaint(ran)}`);
      return { specifications: [...specifications.values()], simulation, impossible };
    }
    for (const each of refused) {
      const patch = [...specifications.keys()].find((planned) => planned.package === each.package);
      if (patch === undefined) continue;
      const file = fileOf(patch);
      if (present.has(newArchive(patch)) && specifications.get(patch) !== file && each.because.startsWith('Version')) {
        specifications.set(patch, file);
        continue;
      }
      specifications.delete(patch);
      impossible.push(each);
    }
  }
  return { specifications: [], simulation: parseSimulation(''), impossible };
}

export async function dryRun(patches: readonly Patch[]): Promise<DryRun> {
  const { simulation, impossible } = await plan(patches);
  return {
    patches: simulation.installs.map(({ package: name, architecture, from, to }) => ({
      package: name,
      architecture,
      from,
      to,
    })),
    removes: simulation.removes,
    downgrades: simulation.downgrades,
    impossible,
  };
}
