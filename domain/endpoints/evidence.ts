import type { CheckResult } from './check.ts';
import type { InstalledPackage, PendingReboot, ServiceState } from './endpoint.ts';

/**
 * What an agent observes of its endpoint when asked what is true now. No exit code is in here:
 * package managers return 0 over broken packages, so only observed state counts.
 */
export type Evidence = {
  readonly observedAt: string;
  readonly bootId: string;
  readonly generation: number;
  /** Installed versions of the packages that were asked for; a package that is not installed is absent. */
  readonly installed: readonly InstalledPackage[];
  /** What `dpkg --audit` printed; empty when clean. */
  readonly audit: string;
  /** What `apt-get check` complained of; empty when clean. */
  readonly dependencyProblems: string;
  /** Files that differ from their package's (`dpkg --verify` without conffiles), of the packages that were asked for. */
  readonly alteredFiles: readonly string[];
  readonly pendingReboot: PendingReboot;
  /** Services that still run on deleted libraries. */
  readonly staleServices: readonly string[];
  /** Every enabled service and its state. */
  readonly services: readonly ServiceState[];
  readonly checks: readonly CheckResult[];
};
