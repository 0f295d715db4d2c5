/** New versions of packages as an archive would get them, made from what a fresh machine has installed. */
import { type ArchiveVersion, archiveOf, changelogOf, firstInstalled } from '../../../fleets/simulated/archive.ts';

const security = 'Debian-Security:12/oldstable-security';
const debian = archiveOf([]);

/**
 * A security update of a package to a version of the story's own, that fixes the CVEs. Further fields say what comes
 * with it: what it depends on or conflicts with, and what goes wrong on a machine that gets it.
 */
export function archiveVersion(
  name: string,
  version: string,
  cves: readonly string[],
  more: Partial<ArchiveVersion> = {},
): ArchiveVersion {
  const [known] = debian.versionsOf(name).toReversed();
  if (!known) throw new Error(`No simulated machine has a package ${name}.`);
  const changelog = changelogEntry(known.source, version, cves);
  return { ...known, version, sourceVersion: version, origin: security, changelog, ...more };
}

/** An entry in Debian's format (Debian Policy 4.4). */
export function changelogEntry(source: string, version: string, cves: readonly string[]): string {
  const fixes = cves.length > 0 ? cves.map((cve) => `  * Fix ${cve}.`) : ['  * Mend what was reported.'];
  return [
    `${source} (${version}) bookworm-security; urgency=high`,
    '',
    ...fixes,
    '',
    ' -- Debian Security Team <team@security.debian.org>  Mon, 01 Jun 2026 10:00:00 +0000',
    '',
  ].join('\n');
}

/** The version with which a fresh machine comes. */
export function knownVersion(name: string): string {
  const known = firstInstalled().find((each) => each.package === name);
  if (!known) throw new Error(`No simulated machine has a package ${name}.`);
  return known.version;
}

/** What Debian itself says of the newest version that a fresh machine is offered. */
export function knownChangelog(name: string): string {
  const [known] = debian.versionsOf(name);
  return known ? changelogOf(known) : '';
}
