/** The simulated machine's package manager, as the agent's contract for package managers asks. */
import { compareVersions } from '../../domain/debian-version.ts';
import { parseChangelog } from '../../agent/debian/apt/changelog.ts';
import { PackageManagerFailed } from '../../agent/machine.ts';
import type { PackageBackEnd, Run, RunEnd, RunProgress } from '../../agent/machine.ts';
import type { ChangelogEntry } from '../../domain/patches/advisory.ts';
import type { AvailableUpdate, DryRun, Patch } from '../../domain/patch.ts';
import { changelogOf } from './archive.ts';
import type { ArchiveVersion } from './archive.ts';
import type { MachineDisk } from './disk.ts';
import { dryRunOf } from './dry-run.ts';
import type { Installed } from './machine-state.ts';
import { fetchedName, notKept, planRun } from './run-plan.ts';
import type { RunEngine } from './run-engine.ts';

export class SimulatedPackages implements PackageBackEnd {
  readonly #disk: MachineDisk;
  readonly #engine: RunEngine;

  constructor(disk: MachineDisk, engine: RunEngine) {
    this.#disk = disk;
    this.#engine = engine;
  }

  async availableUpdates(): Promise<readonly AvailableUpdate[]> {
    const { state } = this.#disk;
    if (!state.reachesArchives)
      throw new PackageManagerFailed('No archive can be reached: the network is unreachable.');
    const archive = this.#disk.archive();
    return state.packages.flatMap((installed) => {
      const candidate = newest(archive.versionsOf(installed.package));
      const isHeld = state.heldPackages.includes(installed.package);
      if (candidate === undefined || isHeld || compareVersions(candidate.version, installed.version) <= 0) return [];
      return [updateTo(candidate, installed)];
    });
  }

  async dryRun(patches: readonly Patch[]): Promise<DryRun> {
    return dryRunOf(this.#disk.state, this.#disk.archive(), patches);
  }

  async prefetch(patches: readonly Patch[]): Promise<void> {
    const { state } = this.#disk;
    const archive = this.#disk.archive();
    for (const patch of patches) {
      if (archive.find(patch.package, patch.to)?.architecture === patch.architecture) continue;
      throw new PackageManagerFailed(
        `Version '${patch.to}' for '${patch.package}:${patch.architecture}' was not found.`,
      );
    }
    const missing = patches
      .map((patch) => fetchedName(patch.package, patch.to))
      .filter((name) => !state.fetched.includes(name));
    if (missing.length > 0 && !state.reachesArchives) {
      throw new PackageManagerFailed(`${missing.join(', ')} cannot be fetched: the network is unreachable.`);
    }
    const kept = patches.flatMap(({ package: name, from }) =>
      from === null || archive.find(name, from) === undefined ? [] : [fetchedName(name, from)],
    );
    state.fetched = [...new Set([...state.fetched, ...missing, ...kept])];
    this.#disk.save();
  }

  async withoutOld(patches: readonly Patch[]): Promise<readonly Patch[]> {
    return notKept(this.#disk.state, patches);
  }

  async changelogs(patches: readonly Patch[]): Promise<readonly ChangelogEntry[]> {
    const { state } = this.#disk;
    const archive = this.#disk.archive();
    return patches.flatMap((patch) => {
      const offered = archive.find(patch.package, patch.to);
      if (offered === undefined || !state.fetched.includes(fetchedName(patch.package, patch.to))) {
        throw new PackageManagerFailed(
          `${patch.package} ${patch.to} was not fetched before, so its changelog is not known.`,
        );
      }
      const installed = state.packages.find((each) => each.package === patch.package);
      return newsOf(offered, installed && archive.find(installed.package, installed.version));
    });
  }

  async startRun(runId: string, run: Run): Promise<void> {
    const { state } = this.#disk;
    if (state.runs[runId] !== undefined) throw new PackageManagerFailed(`The run ${runId} was started before.`);
    const running = this.#engine.running();
    if (running !== undefined) throw new PackageManagerFailed(`The package manager is held by the run ${running[0]}.`);
    const plan = planRun(state, this.#disk.archive(), run);
    const limitMilliseconds = run.limitMinutes * state.pace.limitMinuteMilliseconds;
    this.#engine.begin(runId, {
      bootId: state.bootId,
      kind: run.kind,
      patches: [...run.patches],
      hold: run.kind === 'roll back packages' ? [...run.hold] : [],
      limitAt: new Date(Date.now() + limitMilliseconds).toISOString(),
      actions: 'actions' in plan ? [...plan.actions] : [],
      done: 0,
      begun: false,
      wentBack: false,
      packagesAtFault: [],
      log: 'refusal' in plan ? `${plan.refusal}\n` : '',
      end: 'refusal' in plan ? { ending: 'failed', because: plan.refusal, packagesAtFault: [] } : null,
    });
  }

  runEnd(runId: string, signal: AbortSignal): Promise<RunEnd> {
    return this.#engine.end(runId, signal);
  }

  async runProgress(runId: string): Promise<RunProgress> {
    const run = this.#disk.state.runs[runId];
    if (run === undefined) return { doing: '', logTail: '' };
    const action = run.actions[run.done];
    const doing = run.end?.because ?? (action === undefined ? 'is about to end' : `${action.step}s ${action.package}`);
    return { doing, logTail: run.log };
  }
}

/** Of a package that is new here everything would be news: its latest entry stands for it. */
function newsOf(offered: ArchiveVersion, installed: ArchiveVersion | undefined): readonly ChangelogEntry[] {
  const entries = parseChangelog(changelogOf(offered)).map((entry) => ({
    ...entry,
    package: offered.package,
    source: offered.source,
  }));
  if (installed === undefined) return entries.slice(0, 1);
  return entries.filter((entry) => compareVersions(entry.version, installed.sourceVersion) > 0);
}

function newest(versions: readonly ArchiveVersion[]): ArchiveVersion | undefined {
  return versions.toSorted((a, b) => compareVersions(b.version, a.version)).at(0);
}

function updateTo(candidate: ArchiveVersion, installed: Installed): AvailableUpdate {
  return {
    package: candidate.package,
    architecture: candidate.architecture,
    from: installed.version,
    to: candidate.version,
    source: candidate.source,
    sourceVersion: candidate.sourceVersion,
    origins: [candidate.origin],
    sizeBytes: candidate.sizeBytes,
  };
}
