/** What a simulated machine's package archives offer: the versions of `data/bookworm.json` and what was published since. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { compareVersions } from '../../domain/debian-version.ts';
import { packageName, packageVersion } from '../../protocol/agent.ts';
import { isClause } from './relation.ts';

/** What goes wrong on a machine that gets this version. Each is something real updates do. */
export const faultsSchema = z.strictObject({
  /** This service does not run with this version: it fails when it is started again, at once or at the next boot. */
  breaksService: z.string().optional(),
  /** The configure step ends with an error; the package stays half-configured. */
  failsConfigure: z.literal(true).optional(),
  /** The configure step never ends; the run's limit ends it. */
  hangs: z.literal(true).optional(),
  /** The configure step does not end while there is a file of this path. */
  heldBy: z.string().optional(),
  /** The power fails once in the middle of the configure step, and comes back or does not. */
  losesPower: z.enum(['briefly', 'for good']).optional(),
  /** The machine does not come up with this version installed. */
  doesNotBoot: z.literal(true).optional(),
  /** The agent is down from the configure step on. */
  silencesAgent: z.literal(true).optional(),
});
export type Faults = z.infer<typeof faultsSchema>;

const clause = z.string().refine(isClause, 'must be a package relation as in a control file');

/** One version of one package in an archive. */
export const archiveVersionSchema = z.strictObject({
  package: packageName,
  version: packageVersion,
  architecture: z.string(),
  source: packageName,
  sourceVersion: packageVersion,
  /** The archive's label as apt prints it: `Debian-Security:12/oldstable-security`. */
  origin: z.string(),
  sizeBytes: z.number().int().min(0),
  /** As in a control file: `libc6 (>= 2.34)`, alternatives with `|`. */
  depends: z.array(clause),
  /** Packages that cannot stay with this version: `apache2`, `apache2 (<< 2.4)`. */
  conflicts: z.array(clause).optional(),
  /** Its changelog in Debian's format; without one, the source package's file under `data/changelogs` is read. */
  changelog: z.string().optional(),
  asksForReboot: z.literal(true).optional(),
  faults: faultsSchema.optional(),
});
export type ArchiveVersion = z.infer<typeof archiveVersionSchema>;

const dataDirectory = join(import.meta.dirname, 'data');
const debian = z
  .array(archiveVersionSchema)
  .parse(JSON.parse(readFileSync(join(dataDirectory, 'bookworm.json'), 'utf8')));

/** The archives' content. What is published later under a name and version takes the place of what was there. */
export function archiveOf(published: readonly ArchiveVersion[]): Archive {
  const versions = new Map<string, ArchiveVersion[]>();
  for (const offered of [...debian, ...published]) {
    const others = (versions.get(offered.package) ?? []).filter((known) => known.version !== offered.version);
    versions.set(offered.package, [...others, offered]);
  }
  return {
    versionsOf: (name) => versions.get(name) ?? [],
    find: (name, version) => versions.get(name)?.find((offered) => offered.version === version),
  };
}

export type Archive = {
  versionsOf(name: string): readonly ArchiveVersion[];
  find(name: string, version: string): ArchiveVersion | undefined;
};

/** The version with which a fresh machine comes: the oldest of each package. */
export function firstInstalled(): readonly ArchiveVersion[] {
  const oldest = new Map<string, ArchiveVersion>();
  for (const offered of debian) {
    const known = oldest.get(offered.package);
    if (known === undefined || compareVersions(offered.version, known.version) < 0) {
      oldest.set(offered.package, offered);
    }
  }
  return [...oldest.values()];
}

/** The changelog of a version in Debian's format; empty where none is known. */
export function changelogOf(version: ArchiveVersion): string {
  if (version.changelog !== undefined) return version.changelog;
  return changelogFiles.get(version.source) ?? '';
}

const changelogFiles = new Map(
  ['expat', 'openssl', 'perl', 'tzdata', 'xz-utils'].map((source) => [
    source,
    readFileSync(join(dataDirectory, 'changelogs', `${source}.changelog`), 'utf8'),
  ]),
);
