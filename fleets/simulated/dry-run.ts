/** What apt would do on a simulated machine: dependencies followed, conflicts removed, the impossible named. */
import { compareVersions } from '../../domain/debian-version.ts';
import type { DryRun, Patch } from '../../domain/patch.ts';
import type { Archive, ArchiveVersion } from './archive.ts';
import type { MachineState } from './machine-state.ts';
import { alternativesOf, satisfies } from './relation.ts';

type Impossible = DryRun['impossible'][number];
type Selection = Map<string, ArchiveVersion>;
type Problem = { readonly offered: ArchiveVersion; readonly clause: string };

/** Works out what installing exactly these versions means. Changes nothing. */
export function dryRunOf(state: MachineState, archive: Archive, patches: readonly Patch[]): DryRun {
  const solver = new Solver(state, archive);
  for (const patch of patches) solver.plan(patch);
  solver.settle();
  return solver.answer();
}

/** Dependencies of installed packages that do not hold, in the words of `apt-get check`. */
export function brokenDependencies(state: MachineState, archive: Archive): string {
  const installed = installedVersions(state, archive);
  return [...installed.values()]
    .flatMap((offered) =>
      offered.depends
        .filter((clause) => !isMet(clause, installed))
        .map((clause) => ` ${offered.package} : Depends: ${clause}`),
    )
    .join('\n');
}

/** Changes each package at most once, so it ends. */
class Solver {
  readonly #before: Selection;
  readonly #after: Selection;
  readonly #planned = new Set<string>();
  readonly #touched = new Set<string>();
  readonly #impossible: Impossible[] = [];
  readonly #archive: Archive;
  readonly #held: ReadonlySet<string>;

  constructor(state: MachineState, archive: Archive) {
    this.#archive = archive;
    this.#held = new Set(state.heldPackages);
    this.#before = installedVersions(state, archive);
    this.#after = new Map(this.#before);
  }

  plan(patch: Patch): void {
    const offered = this.#archive.find(patch.package, patch.to);
    const because = this.#whyNot(patch, offered);
    if (offered === undefined || because !== null) {
      this.#impossible.push({ package: patch.package, because: because ?? '' });
      return;
    }
    this.#planned.add(patch.package);
    this.#change(offered);
  }

  settle(): void {
    for (;;) {
      const conflict = this.#conflict();
      const problem = conflict === null ? this.#unmet() : null;
      if (conflict !== null) this.#giveUp(conflict, 'Conflicts with another package of the plan');
      else if (problem !== null) this.#repair(problem);
      else return;
    }
  }

  answer(): DryRun {
    const changed = [...this.#after.values()].filter((offered) => this.#isChanged(offered));
    const versionBefore = (name: string): string | null => this.#before.get(name)?.version ?? null;
    return {
      patches: changed.map((offered) => ({
        package: offered.package,
        architecture: offered.architecture,
        from: versionBefore(offered.package),
        to: offered.version,
      })),
      removes: [...this.#before.keys()].filter((name) => !this.#after.has(name)),
      downgrades: changed
        .filter((offered) => compareVersions(offered.version, versionBefore(offered.package) ?? offered.version) < 0)
        .map((offered) => offered.package),
      impossible: this.#impossible,
    };
  }

  #whyNot(patch: Patch, offered: ArchiveVersion | undefined): string | null {
    if (this.#archive.versionsOf(patch.package).length === 0) return `Unable to locate package ${patch.package}`;
    if (offered?.architecture !== patch.architecture) {
      return `Version '${patch.to}' for '${patch.package}:${patch.architecture}' was not found`;
    }
    const changes = this.#before.get(patch.package)?.version !== patch.to;
    return changes && this.#held.has(patch.package) ? `${patch.package} is on hold` : null;
  }

  #isChanged(offered: ArchiveVersion): boolean {
    return this.#before.get(offered.package)?.version !== offered.version;
  }

  #change(offered: ArchiveVersion): void {
    this.#touched.add(offered.package);
    this.#after.set(offered.package, offered);
  }

  /** A package that cannot stay because a changed one conflicts with it; the unplanned one yields. */
  #conflict(): string | null {
    for (const offered of this.#after.values()) {
      if (!this.#isChanged(offered)) continue;
      for (const relation of (offered.conflicts ?? []).flatMap(alternativesOf)) {
        const other = this.#after.get(relation.package);
        if (other === undefined || other.package === offered.package || !satisfies(relation, other.version)) continue;
        return this.#planned.has(other.package) ? offered.package : other.package;
      }
    }
    return null;
  }

  /** A dependency that this plan leaves unmet; what was broken before is not its doing. */
  #unmet(): Problem | null {
    for (const offered of this.#after.values()) {
      const clause = offered.depends.find((each) => !isMet(each, this.#after));
      if (clause !== undefined && (this.#isChanged(offered) || isMet(clause, this.#before))) return { offered, clause };
    }
    return null;
  }

  #repair({ offered, clause }: Problem): void {
    const fitting = this.#provider(clause) ?? this.#replacement(offered);
    if (fitting !== undefined) this.#change(fitting);
    else this.#giveUp(offered.package, `Depends: ${clause} but it is not going to be installed`);
  }

  #provider(clause: string): ArchiveVersion | undefined {
    return alternativesOf(clause)
      .flatMap((relation) =>
        this.#newestFirst(relation.package).filter((offered) => satisfies(relation, offered.version)),
      )
      .at(0);
  }

  /** Another version of a package whose dependencies this plan has broken. */
  #replacement(offered: ArchiveVersion): ArchiveVersion | undefined {
    return this.#newestFirst(offered.package).find((other) => other.depends.every((each) => isMet(each, this.#after)));
  }

  #newestFirst(name: string): readonly ArchiveVersion[] {
    if (this.#touched.has(name) || this.#held.has(name)) return [];
    return this.#archive.versionsOf(name).toSorted((a, b) => compareVersions(b.version, a.version));
  }

  /** A planned package stays as it is and is named impossible; any other is removed. */
  #giveUp(name: string, because: string): void {
    this.#touched.add(name);
    const before = this.#before.get(name);
    if (!this.#planned.delete(name)) {
      this.#after.delete(name);
      return;
    }
    this.#impossible.push({ package: name, because });
    if (before === undefined) this.#after.delete(name);
    else this.#after.set(name, before);
  }
}

function isMet(clause: string, selection: Selection): boolean {
  return alternativesOf(clause).some((relation) => {
    const offered = selection.get(relation.package);
    return offered !== undefined && satisfies(relation, offered.version);
  });
}

/** What is installed, with what each version depends on. A version that no archive knows depends on nothing. */
function installedVersions(state: MachineState, archive: Archive): Selection {
  return new Map(
    state.packages.map((installed) => [
      installed.package,
      archive.find(installed.package, installed.version) ?? {
        ...installed,
        source: installed.package,
        sourceVersion: installed.version,
        sizeBytes: 0,
        depends: [],
      },
    ]),
  );
}
