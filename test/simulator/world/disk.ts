/** What is on an endpoint's disk: everything a snapshot keeps and a restore brings back. */
import type { EndpointFacts } from './endpoints.ts';
import { Ledger } from './ledger.ts';
import type { PublishedVersion } from './releases.ts';

export type Disk = {
  packages: Record<string, string>;
  /** Packages that were put here by an install, at whatever version. */
  putHere: Record<string, true>;
  services: Record<string, 'running' | 'failed'>;
  ledger: Ledger;
  generation: number;
  audit: readonly string[];
  /** Packages that come into effect only by a reboot. */
  rebootFor: readonly string[];
  /** Packages that no upgrade touches until a person lets go. */
  held: readonly string[];
  /** Services that still run on replaced libraries. */
  stale: readonly string[];
  /** When services were last started again, in milliseconds of the virtual clock. */
  restartedAt: number;
  mirrorSaidNo: boolean;
};

export function firstDisk(facts: EndpointFacts, releases: readonly PublishedVersion[]): Disk {
  const services = releases.flatMap(({ package: name, service }) =>
    service && name in facts.packages ? [service] : [],
  );
  return {
    packages: { ...facts.packages },
    putHere: {},
    services: Object.fromEntries(['ssh', ...services].map((service) => [service, 'running' as const])),
    ledger: new Ledger(),
    generation: 1,
    audit: [],
    rebootFor: [],
    held: [],
    stale: [],
    restartedAt: 0,
    mirrorSaidNo: false,
  };
}

export function copyOf(disk: Disk): Disk {
  return {
    ...disk,
    packages: { ...disk.packages },
    putHere: { ...disk.putHere },
    services: { ...disk.services },
    ledger: disk.ledger.copy(),
  };
}

/** What a package manager with the newest lists would offer. */
export function dueFor(
  disk: Disk,
  releases: readonly PublishedVersion[],
  minutesSinceStart: number,
): readonly { readonly release: PublishedVersion; readonly from: string; readonly to: string }[] {
  return releases.flatMap((release) => {
    const from = disk.packages[release.package];
    const newest = release.newer && minutesSinceStart >= release.newer.atMinutes ? release.newer.to : release.to;
    return from === undefined || from >= newest || disk.held.includes(release.package)
      ? []
      : [{ release, from, to: newest }];
  });
}
