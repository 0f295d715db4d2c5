/** What dpkg will do in a run of the package manager, worked out before it starts. */
import type { Run } from '../../agent/machine.ts';
import type { DryRun, Patch } from '../../domain/patch.ts';
import type { Archive } from './archive.ts';
import { dryRunOf } from './dry-run.ts';
import type { Action, MachineState } from './machine-state.ts';
import { alternativesOf } from './relation.ts';

export type RunPlan = { readonly actions: readonly Action[] } | { readonly refusal: string };

/** The actions of a run, or why it does nothing at all. */
export function planRun(state: MachineState, archive: Archive, run: Run): RunPlan {
  if (run.kind === 'roll back packages') return planRollback(state, archive, run.patches);
  return run.kind === 'install' ? planInstall(state, archive, run) : planRepair(state, archive, run.patches);
}

function planInstall(state: MachineState, archive: Archive, run: Run & { readonly kind: 'install' }): RunPlan {
  const broken = state.packages.find((installed) => installed.status !== 'installed');
  if (broken !== undefined) {
    return {
      refusal: `dpkg was interrupted before: ${broken.package} is ${broken.status}. A repair has to come first.`,
    };
  }
  const dryRun = dryRunOf(state, archive, run.patches);
  const refusal = whyRefused(state, run.patches, dryRun, run.allowRemove);
  return refusal === null ? { actions: actionsOf(state, archive, dryRun) } : { refusal };
}

/** The kept old versions, and away with what was new; nothing at all where one of them was not kept. */
function planRollback(state: MachineState, archive: Archive, patches: readonly Patch[]): RunPlan {
  const lost = notKept(state, patches).map(({ package: name, from }) => `${name} ${from}`);
  if (lost.length > 0) return { refusal: `Nothing was changed, because these were not kept: ${lost.join(', ')}.` };
  const added = state.packages.filter((installed) =>
    patches.some((patch) => patch.from === null && patch.package === installed.package),
  );
  return { actions: [...rollbackActions(state, archive, patches), ...added.map(removal)] };
}

/** Patches whose version from before is not among the fetched packages. */
export function notKept(state: MachineState, patches: readonly Patch[]): readonly Patch[] {
  return patches.filter(({ package: name, from }) => from !== null && !state.fetched.includes(fetchedName(name, from)));
}

/** First everything that was left half-way, then what of the plan is still missing. */
function planRepair(state: MachineState, archive: Archive, patches: readonly Patch[]): RunPlan {
  const planned = new Map(patches.map((patch) => [patch.package, patch.to]));
  const unfinished = state.packages.filter((installed) => installed.status !== 'installed');
  const repairs = unfinished.flatMap((installed): Action[] => {
    const to = planned.get(installed.package) ?? installed.version;
    const action = { package: installed.package, architecture: installed.architecture, from: installed.version, to };
    const configure: Action = { ...action, step: 'configure' };
    const isUnpacked = installed.status !== 'half-installed' && installed.version === to;
    return isUnpacked ? [configure] : [{ ...action, step: 'unpack' }, configure];
  });
  const repaired: MachineState = {
    ...state,
    packages: state.packages.map((installed) => ({
      ...installed,
      version:
        installed.status === 'installed' ? installed.version : (planned.get(installed.package) ?? installed.version),
    })),
  };
  const dryRun = dryRunOf(repaired, archive, patches);
  const refusal = whyRefused(state, patches, dryRun, []);
  return { actions: refusal === null ? [...repairs, ...actionsOf(repaired, archive, dryRun)] : repairs };
}

/** Nothing but the plan may happen, and only what was fetched before can be installed. */
function whyRefused(
  state: MachineState,
  patches: readonly Patch[],
  dryRun: DryRun,
  allowRemove: readonly string[],
): string | null {
  const reasons: readonly (readonly [string, readonly string[]])[] = [
    ['these cannot be installed', dryRun.impossible.map((each) => `${each.package} (${each.because})`)],
    ['these would be removed', dryRun.removes.filter((name) => !allowRemove.includes(name))],
    ['these would be downgraded', dryRun.downgrades],
    [
      'these would be installed as well',
      dryRun.patches.filter((found) => !patches.some((patch) => isSame(patch, found))).map((found) => found.package),
    ],
    [
      'these were not fetched before',
      dryRun.patches
        .map((patch) => fetchedName(patch.package, patch.to))
        .filter((name) => !state.fetched.includes(name)),
    ],
  ];
  const [words, named = []] = reasons.find(([, found]) => found.length > 0) ?? [];
  return words === undefined ? null : `Nothing was installed: ${words}: ${named.join(', ')}.`;
}

function isSame(patch: Patch, found: Patch): boolean {
  return patch.package === found.package && patch.to === found.to;
}

/** The rollback of a repair that did not work: the kept old version of every planned package that is not at it. */
export function rollbackActions(state: MachineState, archive: Archive, patches: readonly Patch[]): readonly Action[] {
  const old = patches.flatMap(({ package: name, architecture, from }): Patch[] => {
    const installed = state.packages.find((each) => each.package === name);
    if (from === null || installed === undefined || archive.find(name, from) === undefined) return [];
    if (!state.fetched.includes(fetchedName(name, from))) return [];
    if (installed.version === from && installed.status === 'installed') return [];
    return [{ package: name, architecture, from: installed.version, to: from }];
  });
  return [
    ...old.map((patch): Action => ({ step: 'unpack', ...patch })),
    ...old.map((patch): Action => ({ step: 'configure', ...patch })),
  ];
}

function actionsOf(state: MachineState, archive: Archive, dryRun: DryRun): readonly Action[] {
  const patches = dependenciesFirst(archive, dryRun.patches);
  const removed = state.packages.filter((installed) => dryRun.removes.includes(installed.package));
  return [
    ...removed.map(removal),
    ...patches.map((patch): Action => ({ step: 'unpack', ...patch })),
    ...patches.map((patch): Action => ({ step: 'configure', ...patch })),
  ];
}

function removal({ package: name, architecture, version }: MachineState['packages'][number]): Action {
  return { step: 'remove', package: name, architecture, from: version, to: version };
}

/** Each package behind those it depends on; a circle is cut where it is met. */
function dependenciesFirst(archive: Archive, patches: readonly Patch[]): readonly Patch[] {
  const ordered = new Set<Patch>();
  const visit = (patch: Patch, above: readonly Patch[]): void => {
    if (ordered.has(patch) || above.includes(patch)) return;
    const names = (archive.find(patch.package, patch.to)?.depends ?? [])
      .flatMap(alternativesOf)
      .map((each) => each.package);
    for (const other of patches) if (names.includes(other.package)) visit(other, [...above, patch]);
    ordered.add(patch);
  };
  for (const patch of patches) visit(patch, []);
  return [...ordered];
}

/** How a package is named in the package manager's cache. */
export function fetchedName(name: string, version: string): string {
  return `${name} ${version}`;
}
