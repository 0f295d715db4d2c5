/**
 * Whether what was observed proves a patch, or proves that an endpoint was rolled back (rule 5: docs/rules.md#rule-5).
 * Only evidence decides: what an install or a restore says of itself is not asked here.
 */
import type { Evidence } from './evidence.ts';
import type { Patch } from '../patch.ts';
import {
  versionsIn,
  notInstalled,
  notRolledBack,
  unclean,
  grewUnclean,
  bootFindings,
  newlyPending,
  newlyBroken,
  namesIn,
} from './findings.ts';
import type { RebootRule } from './operation.ts';

export type Proof = {
  readonly proven: boolean;
  readonly because: readonly string[];
  /** Packages of the plan that the evidence points to; empty when it points to none. */
  readonly packagesAtFault: readonly string[];
};

export type RollbackProof = { readonly rolledBack: boolean; readonly because: readonly string[] };

/**
 * Patched means proven: planned versions installed, the package manager's audit clean, boot id changed where a reboot
 * was due, no reboot pending (unless the policy never reboots), and nothing that worked before fails now.
 */
export function judgePatched(what: {
  readonly patches: readonly Patch[];
  readonly before: Evidence;
  readonly after: Evidence;
  readonly rebootWasDue: boolean;
  /** The boot that a due reboot had to leave; that of `before` where nothing is said. */
  readonly bootIdBeforeReboot?: string | null;
  /** `if required` where nothing is said. */
  readonly reboot?: RebootRule;
}): Proof {
  const { patches, before, after } = what;
  const findings = [
    ...notInstalled(patches, after),
    ...unclean(before, after, patches),
    ...bootFindings(what),
    ...newlyBroken(before, after).map(({ what: broken, because }) => ({
      because,
      atFault: packagesBehind(broken, patches),
    })),
  ];
  if (findings.length > 0)
    return {
      proven: false,
      because: findings.map(({ because }) => because),
      packagesAtFault: [...new Set(findings.flatMap(({ atFault }) => atFault))].toSorted(),
    };
  return { proven: true, because: proofInWords(what), packagesAtFault: [] };
}

/**
 * Restored means verified like an install: the versions from before are back, what worked before works, another boot,
 * and a raised generation.
 */
export function judgeRestored(what: {
  readonly patches: readonly Patch[];
  readonly before: Evidence;
  readonly after: Evidence;
  /** The boot of the failed state; null when it was never seen. */
  readonly failedBootId: string | null;
}): RollbackProof {
  const { patches, before, after, failedBootId } = what;
  const findings = [
    ...notRolledBack(patches, before, after),
    ...grewUnclean(before, after),
    ...newlyBroken(before, after).map(({ because }) => because),
  ];
  if (after.bootId === before.bootId || after.bootId === failedBootId)
    findings.push(`its boot id is still ${after.bootId}, so it has not started again`);
  findings.push(...newlyPending(before, after));
  if (after.generation <= before.generation)
    findings.push(`its generation is ${after.generation} and was ${before.generation}: it was not raised`);
  if (findings.length > 0) return { rolledBack: false, because: findings };
  return {
    rolledBack: true,
    because: [
      `${patches.length} of ${patches.length} packages are at the versions from before, observed at ${after.observedAt}`,
      `it runs with boot id ${after.bootId} (before: ${before.bootId}) and generation ${after.generation}`,
      'every service and check that worked before works',
    ],
  };
}

/**
 * Packages rolled back means verified like an install: exactly the versions from before, held so that no later run
 * installs them again, as clean as before, another boot where one was due, and what worked before works.
 */
export function judgePackagesRolledBack(what: {
  readonly patches: readonly Patch[];
  readonly before: Evidence;
  readonly after: Evidence;
  /** Names of those that were to be held. */
  readonly hold: readonly string[];
  /** What is held; null when its agent did not say. */
  readonly held: readonly string[] | null;
  readonly bootIdBeforeReboot: string | null;
  readonly reboot: RebootRule;
}): RollbackProof {
  const { patches, before, after, hold, held, bootIdBeforeReboot, reboot } = what;
  // apt names a foreign architecture with it: `libc6:i386`.
  const known = held?.map((name) => name.replace(/:.*$/, '')) ?? [];
  const loose = hold.filter((name) => !known.includes(name));
  const findings = [
    ...notRolledBack(patches, before, after),
    ...grewUnclean(before, after),
    ...newlyBroken(before, after).map(({ because }) => because),
    ...(reboot === 'never' ? [] : newlyPending(before, after)),
  ];
  if (bootIdBeforeReboot !== null && after.bootId === bootIdBeforeReboot)
    findings.push(`a reboot was due, and its boot id is still ${after.bootId}`);
  if (loose.length > 0)
    findings.push(
      `${loose.join(', ')} ${held === null ? 'may not be' : 'is not'} held, so the next run may install it again`,
    );
  if (findings.length > 0) return { rolledBack: false, because: findings };
  return {
    rolledBack: true,
    because: [
      `${patches.length} of ${patches.length} packages are at the versions from before, observed at ${after.observedAt}`,
      `held at them until a person lets go: ${hold.join(', ') || 'none'}`,
      'every service and check that worked before works',
      'the rest of the machine, and its data, is as it is',
    ],
  };
}

/** Whether an endpoint is as it was: the same versions, as clean as before, and nothing that worked before fails. */
export function nothingChanged(what: { readonly before: Evidence; readonly after: Evidence }): boolean {
  const { before, after } = what;
  return (
    versionsIn(before) === versionsIn(after) &&
    grewUnclean(before, after).length === 0 &&
    newlyBroken(before, after).length === 0
  );
}

function proofInWords(what: {
  readonly patches: readonly Patch[];
  readonly before: Evidence;
  readonly after: Evidence;
  readonly rebootWasDue: boolean;
}): string[] {
  const { patches, before, after, rebootWasDue } = what;
  const running = before.services.filter(({ state }) => state === 'running').length;
  const passing = before.checks.filter(({ passed }) => passed).length;
  return [
    `${patches.length} of ${patches.length} planned versions are installed, observed at ${after.observedAt}`,
    'dpkg --audit and apt-get check found nothing',
    `${running} of ${running} services and ${passing} of ${passing} checks that worked before work`,
    rebootWasDue ? `it rebooted: boot id ${after.bootId}, before ${before.bootId}` : 'no reboot was due',
    ...(after.pendingReboot.due ? ['a reboot is pending, and the policy never reboots'] : []),
    ...(after.staleServices.length > 0
      ? [`services that still run on replaced libraries: ${after.staleServices.join(', ')}`]
      : []),
  ];
}

/** A service or check names its package (`nginx.service`, `service nginx`); a plan of one patch has one suspect. */
export function packagesBehind(what: string, patches: readonly Patch[]): string[] {
  return patches.length === 1 ? patches.map((patch) => patch.package) : namesIn(what, patches);
}
