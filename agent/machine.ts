/**
 * What the agent program needs of the machine it runs on. The same program (server, ledger, operations) runs over a
 * real Debian (`agent/debian/`) and over a simulated machine.
 *
 * A machine outlives the agent: everything here must give the same answers to an agent that was stopped, killed and
 * started again over it, and a run that was started goes on without the agent.
 */
import type { ChangelogEntry } from '../domain/patches/advisory.ts';
import type { Check, CheckResult } from '../domain/endpoints/check.ts';
import type { Inventory, PendingReboot } from '../domain/endpoints/endpoint.ts';
import type { Evidence } from '../domain/endpoints/evidence.ts';
import type { OperationBody } from '../domain/endpoints/operation.ts';
import type { AvailableUpdate, DryRun, Patch } from '../domain/patch.ts';

/** The inventory without what the agent itself adds. */
export type MachineFacts = Omit<Inventory, 'takenAt' | 'generation' | 'agentVersion' | 'runtimeVersion'>;

/** The evidence without what the agent itself adds. */
export type Observation = Omit<Evidence, 'observedAt' | 'generation' | 'checks'>;

export interface Machine {
  facts(): Promise<MachineFacts>;
  /** Changes with every boot and with nothing else. A UUID. */
  bootId(): Promise<string>;
  /** Of what `observe` tells, whether a reboot is due: asked alone where one ends all other questions. */
  pendingReboot(): Promise<PendingReboot>;
  /** Of what `observe` tells, that by which a run is judged: the versions of the named packages, and the audit. */
  installed(packages: readonly string[]): Promise<Pick<Observation, 'installed' | 'audit'>>;
  /**
   * What is true now of the named packages (versions, altered files) and of the whole machine (the rest). Trusts no
   * exit code and changes nothing.
   */
  observe(packages: readonly string[]): Promise<Observation>;
  /**
   * Runs one check. A check that cannot be run has not passed: never throws. `check` in the result is `describeCheck`.
   */
  check(check: Check): Promise<CheckResult>;
  /**
   * Restarts services one after another, the agent's own last; all are tried. A service that was started since
   * `sinceAt` is left alone, so asking again after an interruption restarts none twice.
   * Returns those that are not running afterwards, each with what was seen.
   */
  restartServices(
    services: readonly string[],
    sinceAt: string,
  ): Promise<readonly { readonly service: string; readonly because: string }[]>;
  /**
   * Asks for a reboot and returns once it is under way; the agent is stopped by it at any moment.
   * May be asked again on the same boot. Throws when the machine refuses.
   */
  reboot(): Promise<void>;
  /** Returns when everything that was written has reached the disk. */
  sync(): Promise<void>;
  readonly packages: PackageBackEnd;
}

/** One package manager. Questions throw `PackageManagerFailed`, with its own words, when it cannot answer. */
export interface PackageBackEnd {
  /** Refreshes the package lists first; a mirror that cannot be reached throws, never an empty answer. */
  availableUpdates(): Promise<readonly AvailableUpdate[]>;
  /**
   * What installing exactly these would do. A package that cannot be installed at that version is `impossible`, no
   * error.
   */
  dryRun(patches: readonly Patch[]): Promise<DryRun>;
  /**
   * Fetches exactly these versions, and keeps the installed ones for the rollback where they can be had.
   * Changes nothing that is installed and may be repeated. Throws `PackageManagerFailed` unless all are there.
   */
  prefetch(patches: readonly Patch[]): Promise<void>;
  /** Those whose version from before is not kept, so they could not be rolled back. New ones have none to keep. */
  withoutOld(patches: readonly Patch[]): Promise<readonly Patch[]>;
  /** Entries newer than the installed version, read from what was prefetched. */
  changelogs(patches: readonly Patch[]): Promise<readonly ChangelogEntry[]>;
  /**
   * Starts a run that goes on without the agent and is ended at its limit. Called once for a run id; returns when it
   * has started. Throws when it could not be started (nothing has happened then).
   */
  startRun(runId: string, run: Run): Promise<void>;
  /**
   * Resolves when the run has ended, for this agent or one that was started after it. At once when it is unknown, or
   * belongs to an earlier boot and has left no result: `lost`. Rejects when `signal` is aborted.
   */
  runEnd(runId: string, signal: AbortSignal): Promise<RunEnd>;
  /** What a run is doing, or has done. Empty for an unknown run. */
  runProgress(runId: string): Promise<RunProgress>;
}

/** What the package manager carries out by itself, in a unit of its own that outlives the agent. */
export type Run = Extract<OperationBody, { readonly kind: 'install' | 'repair' | 'roll back packages' }>;

/** How a run ended by its own account. The agent reports what it observes, and this as the explanation. */
export type RunEnd = {
  readonly ending: 'finished' | 'failed' | 'hit its limit' | 'lost';
  /** One sentence. */
  readonly because: string;
  /** Packages whose own step failed (unpack, configure), where the package manager tells. */
  readonly packagesAtFault: readonly string[];
};

export type RunProgress = {
  /** What it does now, in words, e.g. `waits for the package manager, which process 812 (apt-get) holds`. */
  readonly doing: string;
  /** The last lines of the package manager's output, at most 4 KiB. */
  readonly logTail: string;
};

/** The package manager or its mirror could not answer. The message says which and why, in one sentence. */
export class PackageManagerFailed extends Error {
  override readonly name = 'PackageManagerFailed';
}
