/**
 * What a cycle never changes (rule 15: docs/rules.md#rule-15): the release of the operating system, the flavour of the
 * kernel, a repository's suite.
 */
import type { OperatingSystem } from './endpoint.ts';
import type { Patch } from '../patch.ts';

/** A distribution's archive as apt prints it: `Debian:12.11/oldstable`, `Ubuntu:22.04/jammy-updates`. */
const distributionArchive = /^(Debian|Debian-Security|Debian Backports|Ubuntu):(\d+)(\.\d+)?[^/]*\//;

/**
 * Why an update belongs to another release than the one that is installed: a repository whose suite has moved on offers
 * it. Null when one of its archives is of this release, or belongs to no distribution.
 */
export function otherOsRelease(origins: readonly string[], os: Pick<OperatingSystem, 'id' | 'version'>): string | null {
  const releases = origins.flatMap((origin) => {
    const [, publisher, major, minor = ''] = distributionArchive.exec(origin) ?? [];
    if (!publisher || !major) return [];
    // Debian counts its point releases behind the dot; for Ubuntu that is half of the name.
    return [publisher === 'Ubuntu' ? `${major}${minor}` : major];
  });
  if (releases.length === 0 || releases.includes(os.version)) return null;
  return `it is of ${os.id} ${releases.join(' and ')} (${origins.join(', ')}), and the endpoint runs ${os.id} ${os.version}`;
}

/** Why a plan would lead to another release or kernel flavour, as its dry run shows; null when it does not. */
export function osReleaseChange(planned: readonly Patch[], kernel: string | null): string | null {
  const base = planned.find(
    ({ package: name, from, to }) => name === 'base-files' && from && majorOf(from) !== majorOf(to),
  );
  if (base) return `it would change the release of the operating system: base-files ${base.from} to ${base.to}`;
  const running = kernel === null ? null : flavourOf(`linux-image-${kernel}`);
  const upgraded = planned.flatMap(({ package: name, from }) => (from === null ? [] : (flavourOf(name) ?? [])));
  const other = planned.find(({ package: name, from }) => {
    const flavour = flavourOf(name);
    return from === null && flavour !== null && flavour !== running && !upgraded.includes(flavour);
  });
  if (!other) return null;
  const runs = running === null ? 'of an unknown flavour' : running;
  return `it would change the kernel flavour to ${flavourOf(other.package)} by ${other.package}, and the endpoint's kernel is ${runs}`;
}

/**
 * `amd64` of `linux-image-6.1.0-51-amd64` and of `linux-image-amd64`, `rt-amd64` of `linux-image-rt-amd64`; null of
 * others.
 */
export function flavourOf(packageName: string): string | null {
  const [, flavour = null] =
    /^linux-image-(?:unsigned-)?(?:\d+(?:\.\d+)*(?:\+[a-z0-9.]+)?(?:-\d+)*-)?([a-z].*?)(?:-unsigned|-dbg)?$/.exec(
      packageName,
    ) ?? [];
  return flavour;
}

function majorOf(version: string): string {
  return /^\d+/.exec(version)?.[0] ?? version;
}
