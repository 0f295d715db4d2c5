/** What is installed on a machine, and what bad patches do to it. */
import type { Patch } from '../../../domain/patch.ts';
import type { Disk } from './disk.ts';
import type { EndpointFacts } from './endpoints.ts';
import type { Recorder } from './record.ts';
import type { BadShape, PublishedVersion } from './releases.ts';

/** The machine it is on: its disk may be another one after a restore. */
type On = {
  readonly disk: () => Disk;
  /** Later, unless the machine has started again meanwhile. */
  readonly after: (milliseconds: number, act: () => void) => void;
};
type Around = { readonly now: () => number; readonly record: Recorder; readonly releases: readonly PublishedVersion[] };

const minute = 60_000;

export class Software {
  readonly #facts: EndpointFacts;
  readonly #around: Around;
  readonly #on: On;

  constructor(facts: EndpointFacts, around: Around, on: On) {
    this.#facts = facts;
    this.#around = around;
    this.#on = on;
  }

  /**
   * What installing these would remove or downgrade, and nobody allowed: what another cycle has made newer among it.
   */
  besides(patches: readonly Patch[], allowed: readonly string[]): readonly string[] {
    const { packages } = this.#on.disk();
    return patches.flatMap((patch) => {
      const { removes = [], downgrades = [] } = this.#releaseOf(patch) ?? {};
      const older = (packages[patch.package] ?? '') > patch.to ? [patch.package] : [];
      return [...removes.filter((name) => !allowed.includes(name)), ...downgrades, ...older];
    });
  }

  /** Installs all; the packages whose configure step failed. */
  install(patches: readonly Patch[]): readonly string[] {
    for (const patch of patches) this.put(patch);
    const failing = patches.filter((patch) => this.#isBadHere(patch, 'configure')).map((patch) => patch.package);
    const disk = this.#on.disk();
    disk.audit = failing.map((name) => ` ${name}  is only half configured`);
    disk.restartedAt = this.#around.now();
    return failing;
  }

  /** Back at the versions from before, and held there. */
  rollBack(patches: readonly Patch[]): void {
    const disk = this.#on.disk();
    for (const { package: name, from } of patches) {
      if (from === null) delete disk.packages[name];
      else disk.packages[name] = from;
      delete disk.putHere[name];
      const service = this.#around.releases.find((release) => release.package === name)?.service;
      if (service && service in disk.services) disk.services[service] = 'running';
    }
    disk.audit = [];
    disk.held = [...new Set([...disk.held, ...patches.map((patch) => patch.package)])];
    disk.rebootFor = disk.rebootFor.filter((name) => !patches.some((patch) => patch.package === name));
    disk.restartedAt = this.#around.now();
  }

  /** One package at its new version, with everything that comes of it. */
  put(patch: Patch): void {
    const disk = this.#on.disk();
    if (disk.packages[patch.package] === patch.to) return;
    disk.packages[patch.package] = patch.to;
    disk.putHere[patch.package] = true;
    const release = this.#releaseOf(patch);
    if (!release) return;
    const { effect, service } = release;
    if (effect === 'reboot') disk.rebootFor = [...disk.rebootFor, patch.package];
    if (effect === 'restart') disk.stale = Object.keys(disk.services);
    if (service && this.#isBadHere(patch, 'service'))
      this.#breakService(service, 'bad patch: its service breaks at once');
    if (service && this.#isBadHere(patch, 'soak')) this.#breakLater(patch, service, release);
    if (this.#isBadHere(patch, 'configure')) this.#met('bad patch: its configure step fails');
  }

  #breakLater(patch: Patch, service: string, release: PublishedVersion): void {
    this.#on.after((release.bad?.afterMinutes ?? 1) * minute, () => {
      if (this.#on.disk().packages[patch.package] === patch.to)
        this.#breakService(service, 'bad patch: its service breaks during the soak');
    });
  }

  #breakService(service: string, fault: string): void {
    const { services } = this.#on.disk();
    if (!(service in services)) return;
    services[service] = 'failed';
    this.#met(fault);
  }

  /** What would have failed later fails later still: the service was started again. */
  startAnew(): void {
    const disk = this.#on.disk();
    for (const release of this.#around.releases) {
      const { package: name, to, service } = release;
      const patch: Patch = { package: name, architecture: 'amd64', from: release.from, to };
      if (service && disk.packages[name] === to && this.#isBadHere(patch, 'soak') && name in disk.putHere)
        this.#breakLater(patch, service, release);
    }
  }

  /** Whether a patch that waits for a reboot is bad in this way. */
  hasBad(shape: BadShape): boolean {
    const disk = this.#on.disk();
    return disk.rebootFor.some((name) =>
      this.#isBadHere({ package: name, architecture: 'amd64', from: null, to: disk.packages[name] ?? '' }, shape),
    );
  }

  /** A newer version of a bad one is good. */
  #isBadHere(patch: Patch, shape: BadShape): boolean {
    const release = this.#releaseOf(patch);
    return release?.to === patch.to && release.bad?.shape === shape && this.#facts.luck < release.bad.share;
  }

  #releaseOf(patch: Patch): PublishedVersion | undefined {
    return this.#around.releases.find(
      ({ package: name, to, newer }) => name === patch.package && (to === patch.to || newer?.to === patch.to),
    );
  }

  #met(fault: string): void {
    this.#around.record({ fact: 'fault', fault });
  }
}
