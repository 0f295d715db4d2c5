/** What a second inventory says of what was planned (step 8). Versions are compared; no report is taken for proof. */
import { compareVersions } from '../debian-version.ts';
import type { Inventory, InstalledPackage } from '../endpoints/endpoint.ts';
import type { Patch } from '../patch.ts';
import type { EndpointOutcome } from '../endpoints/saga.ts';

export type AuditedPatch = {
  readonly package: string;
  readonly architecture: string;
  readonly planned: string;
  /** Null when the package is not installed. */
  readonly observed: string | null;
  readonly because: string;
};

/** A change that no record asked for. */
export type Drift = {
  readonly package: string;
  readonly architecture: string;
  /** Null: it was not there before. */
  readonly from: string | null;
  /** Null: it is gone. */
  readonly to: string | null;
  readonly because: string;
};

export type InventoryAudit = {
  readonly installed: readonly AuditedPatch[];
  readonly failed: readonly AuditedPatch[];
  /** Planned and not there yet. */
  readonly pending: readonly AuditedPatch[];
  readonly drifted: readonly Drift[];
  readonly because: readonly string[];
};

const failures: readonly (EndpointOutcome | null)[] = ['rolled_back', 'quarantined'];

/**
 * Compares what was planned for one endpoint with what it has now. A planned patch is exactly one of `installed`
 * (at the planned version), `pending` (still at the old one), `failed` (still at the old one after a rollback, or at
 * neither). `drifted` are the packages that came, went or changed without a plan.
 */
export function compareInventories(what: {
  readonly planned: readonly Patch[];
  readonly before: Inventory;
  readonly after: Inventory;
  /** How the endpoint ended; null while it has not. */
  readonly outcome: EndpointOutcome | null;
}): InventoryAudit {
  const { planned, before, after, outcome } = what;
  const has = new Map(after.packages.map((each) => [keyOf(each), each.version]));
  const audited = planned.map((patch) => auditPatch(patch, has.get(keyOf(patch)) ?? null, outcome));
  const listOf = (state: string) => audited.filter((each) => each.state === state).map((each) => each.patch);
  const drifted = driftOf(planned, before.packages, after.packages);
  const installed = listOf('installed');
  return {
    installed,
    failed: listOf('failed'),
    pending: listOf('pending'),
    drifted,
    because: [
      `${installed.length} of ${planned.length} planned versions are installed, inventory of ${after.takenAt}`,
      ...(drifted.length > 0 ? [`${drifted.length} packages changed that no record asked for`] : []),
      ...(after.pendingReboot.due ? [`a reboot is pending: ${after.pendingReboot.because.join(', ')}`] : []),
    ],
  };
}

function auditPatch(
  patch: Patch,
  observed: string | null,
  outcome: EndpointOutcome | null,
): { state: 'installed' | 'failed' | 'pending'; patch: AuditedPatch } {
  const audited = (because: string): AuditedPatch => ({
    package: patch.package,
    architecture: patch.architecture,
    planned: patch.to,
    observed,
    because,
  });
  if (observed === patch.to) return { state: 'installed', patch: audited(`${patch.to} is installed`) };
  const seen = observed === null ? 'it is not installed' : `${observed} is installed`;
  if (observed !== patch.from) {
    const comparison =
      observed === null ? '' : compareVersions(observed, patch.to) > 0 ? ', which is newer' : ', which is older';
    return { state: 'failed', patch: audited(`${seen}${comparison}, planned was ${patch.to}`) };
  }
  if (failures.includes(outcome))
    return { state: 'failed', patch: audited(`${seen}, as before: the endpoint was rolled back`) };
  return { state: 'pending', patch: audited(`${seen}, as before`) };
}

function driftOf(
  planned: readonly Patch[],
  before: readonly InstalledPackage[],
  after: readonly InstalledPackage[],
): Drift[] {
  const known = new Set(planned.map(keyOf));
  const had = new Map(before.map((each) => [keyOf(each), each]));
  const has = new Map(after.map((each) => [keyOf(each), each]));
  return [...new Set([...had.keys(), ...has.keys()])]
    .filter((key) => !known.has(key) && had.get(key)?.version !== has.get(key)?.version)
    .toSorted()
    .flatMap((key) => {
      const [was, is] = [had.get(key), has.get(key)];
      const named = is ?? was;
      if (!named) return [];
      const [from, to] = [was?.version ?? null, is?.version ?? null];
      const because = `no record asked for it: ${from ?? 'not installed'} before, ${to ?? 'not installed'} now`;
      return [{ package: named.package, architecture: named.architecture, from, to, because }];
    });
}

function keyOf(of: { readonly package: string; readonly architecture: string }): string {
  return `${of.package}:${of.architecture}`;
}
