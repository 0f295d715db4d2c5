import type { DryRun, Patch } from '../patch.ts';
import { flavourOf, osReleaseChange } from '../endpoints/os-release.ts';

/** What can be installed on an endpoint without going beyond the record, and what had to be taken out. */
export type PlannedInstall = {
  /** What was asked for and is possible. */
  readonly patches: readonly Patch[];
  /** What the package manager adds to it. */
  readonly added: readonly Patch[];
  readonly dropped: readonly { readonly package: string; readonly because: string }[];
};

/**
 * Takes out of a plan each patch that cannot be installed, that would remove or downgrade a package, or that would
 * change the release or the kernel flavour (rule 15: docs/rules.md#rule-15), as found by dry runs: first of the whole,
 * then, where the whole offends, of each patch alone. When no single patch is to blame, all are taken out.
 * @param kernel tells the running one, as `uname -r` says it, or null; asked only where a kernel would come along
 */
export async function takeOutOffenders(
  asked: readonly Patch[],
  dryRun: (patches: readonly Patch[]) => Promise<DryRun>,
  kernel: () => Promise<string | null>,
): Promise<PlannedInstall> {
  if (asked.length === 0) return { patches: [], added: [], dropped: [] };
  const whole = await dryRun(asked);
  const offence = await offenceOf(whole, kernel);
  if (!offence) return { patches: asked, added: addedBy(whole, asked), dropped: [] };

  const dropped: { package: string; because: string }[] = [];
  for (const patch of asked) {
    const because = await offenceOf(await dryRun([patch]), kernel);
    if (because) dropped.push({ package: patch.package, because });
  }
  const gone = new Set(dropped.map((one) => one.package));
  const rest = asked.filter((patch) => !gone.has(patch.package));
  if (gone.size > 0) {
    const planned = await takeOutOffenders(rest, dryRun, kernel);
    return { ...planned, dropped: [...dropped, ...planned.dropped] };
  }
  return { patches: [], added: [], dropped: asked.map((patch) => ({ package: patch.package, because: offence })) };
}

async function offenceOf(run: DryRun, kernel: () => Promise<string | null>): Promise<string | null> {
  if (run.removes.length > 0) return `installing it would remove ${run.removes.join(', ')}`;
  if (run.downgrades.length > 0) return `installing it would downgrade ${run.downgrades.join(', ')}`;
  const bringsKernel = run.patches.some(({ package: name, from }) => from === null && flavourOf(name) !== null);
  const change = osReleaseChange(run.patches, bringsKernel ? await kernel() : null);
  if (change) return change;
  const [impossible] = run.impossible;
  return impossible ? `${impossible.package} cannot be installed: ${impossible.because}` : null;
}

function addedBy(run: DryRun, asked: readonly Patch[]): readonly Patch[] {
  const names = new Set(asked.map((patch) => `${patch.package}:${patch.architecture}`));
  return run.patches.filter((patch) => !names.has(`${patch.package}:${patch.architecture}`));
}
