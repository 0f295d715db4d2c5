import { compareVersions, withoutRebuild } from '../debian-version.ts';
import type { AvailableUpdate } from '../patch.ts';

/** One entry of a Debian changelog (Debian Policy §4.4), of the source package a patch was built from. */
export type ChangelogEntry = {
  readonly package: string;
  readonly source: string;
  readonly version: string;
  readonly distribution: string;
  /** The changelog's own urgency, lower case: low, medium, high, emergency, critical; `unknown` when absent. */
  readonly urgency: string;
  readonly datedAt: string;
  readonly text: string;
};

/** Debian Policy §5.6.17. The uploader's word for how fast it should migrate; it is no severity. */
export type Urgency = 'unknown' | 'low' | 'medium' | 'high' | 'emergency' | 'critical';

/** One vulnerability that is known to be exploited, from CISA's catalogue or planted beside it. */
export type KnownExploited = {
  readonly cve: string;
  readonly name: string;
  readonly addedAt: string;
  /** The catalogue's date of remediation: the end of that day, UTC. */
  readonly dueAt: string;
  readonly requiredAction: string;
  readonly usedByRansomware: boolean;
  /** The catalogue and its version, or the planted file's name. */
  readonly source: string;
  /** Who planted the entry for a test or an exercise; null when it is the catalogue's own. */
  readonly plantedBy: string | null;
};

/** What one source package at one version brings, joined from its changelog and the known exploited vulnerabilities. */
export type AdvisoryFacts = {
  readonly source: string;
  readonly version: string;
  /** Binary packages built from it that endpoints are offered. */
  readonly packages: readonly string[];
  /** False when no changelog entry could be had: then `cves` is empty because they are unknown, not because there are none. */
  readonly changelogRead: boolean;
  readonly cves: readonly string[];
  /** GHSA-, DSA-, DLA- and TEMP- ids, for fixes without a CVE. */
  readonly otherIds: readonly string[];
  readonly urgency: Urgency;
  /** Suites the entries were uploaded to, e.g. `bookworm-security`. */
  readonly distributions: readonly string[];
  readonly knownExploited: boolean;
  readonly exploited: readonly KnownExploited[];
  readonly exploitedCves: readonly string[];
  /** The earliest due date of the exploited ones; null when none is. */
  readonly dueAt: string | null;
  /** The newest entry's date; null when no entry could be had. */
  readonly publishedAt: string | null;
  readonly because: readonly string[];
};

const cveId = /\bCVE-\d{4}-\d{4,}\b/gi;
const otherId = /\b(?:GHSA(?:-[0-9a-z]{4}){3}|D[SL]A-\d{3,}(?:-\d+)?|TEMP-\d+-[0-9A-F]+|CAN-\d{4}-\d{4,})\b/gi;
const urgencies: readonly Urgency[] = ['unknown', 'low', 'medium', 'high', 'emergency', 'critical'];

export type ChangelogReading = {
  /** What the vendor names in the entries, sorted by year and number. It may name a CVE only to say that it does not apply. */
  readonly cves: readonly string[];
  readonly otherIds: readonly string[];
  /** The highest of the entries; `unknown` when there is none. */
  readonly urgency: Urgency;
  readonly distributions: readonly string[];
  /** The newest entry's date, UTC; null when there is none. */
  readonly publishedAt: string | null;
  /** The entries that were used, newest first, each version once. */
  readonly entries: readonly ChangelogEntry[];
};

/**
 * Reads what changed between two versions of one source package.
 * @param entries of that source alone, in any order, repeated ones allowed
 * @param range `from` is excluded, null for "whatever was handed in"; `to` is included
 */
export function cvesOf(
  entries: readonly ChangelogEntry[],
  range: { readonly from: string | null; readonly to: string },
): ChangelogReading {
  const { from, to } = range;
  const inRange = [...new Map(entries.map((entry) => [entry.version, entry])).values()]
    .filter((entry) => compareVersions(entry.version, to) <= 0)
    .filter((entry) => from === null || compareVersions(entry.version, from) > 0)
    .toSorted((a, b) => compareVersions(b.version, a.version));
  const text = inRange.map((entry) => entry.text).join('\n');
  const newest = inRange[0];
  return {
    cves: idsIn(text, cveId, (id) => id.toUpperCase()),
    otherIds: idsIn(text, otherId, (id) => id),
    urgency: highest(inRange.map((entry) => urgencyOf(entry.urgency))),
    distributions: [...new Set(inRange.flatMap((entry) => entry.distribution.split(/\s+/)))].filter(Boolean).toSorted(),
    publishedAt: newest ? new Date(newest.datedAt).toISOString() : null,
    entries: inRange,
  };
}

/**
 * Joins offered updates with their changelogs and the known exploited vulnerabilities, one for each source and version.
 * The CVEs are those since the oldest installed version among `updates`: hand in one endpoint's updates to learn what
 * that endpoint lacks.
 */
export function joinAdvisories(
  updates: readonly AvailableUpdate[],
  entries: readonly ChangelogEntry[],
  kev: ReadonlyMap<string, KnownExploited>,
): AdvisoryFacts[] {
  const bySource = new Map<string, AvailableUpdate[]>();
  for (const update of updates) {
    const key = `${update.source} ${update.sourceVersion}`;
    const group = bySource.get(key);
    if (group) group.push(update);
    else bySource.set(key, [update]);
  }
  return [...bySource.values()]
    .map((group) => joinOne(group, entries, kev))
    .toSorted((a, b) => compareWords(a.source, b.source) || compareVersions(a.version, b.version));
}

function joinOne(
  updates: readonly AvailableUpdate[],
  entries: readonly ChangelogEntry[],
  kev: ReadonlyMap<string, KnownExploited>,
): AdvisoryFacts {
  const { source = '', sourceVersion: version = '' } = updates[0] ?? {};
  const from = installedSourceVersion(updates);
  const reading = cvesOf(
    entries.filter((entry) => entry.source === source),
    { from, to: version },
  );
  const rebuild = from === version;
  const changelogRead = rebuild || reading.entries[0]?.version === version;
  const exploited = reading.cves.flatMap((cve) => kev.get(cve) ?? []);
  return {
    source,
    version,
    packages: [...new Set(updates.map((update) => update.package))].toSorted(),
    changelogRead,
    cves: reading.cves,
    otherIds: reading.otherIds,
    urgency: reading.urgency,
    distributions: reading.distributions,
    knownExploited: exploited.length > 0,
    exploited,
    exploitedCves: exploited.map((entry) => entry.cve),
    dueAt: exploited.map((entry) => entry.dueAt).toSorted()[0] ?? null,
    publishedAt: reading.publishedAt,
    because: [
      ...(rebuild ? [`${source} ${version} is a rebuild of the installed version, its source is the same`] : []),
      ...(changelogRead ? [] : [`the changelog of ${source} ${version} could not be read, so its CVEs are unknown`]),
      ...(reading.entries.length > 0 ? [named(reading, from)] : []),
      ...exploited.map(describeExploited),
    ],
  };
}

/** Says that a CVE is known to be exploited, by which source, and that it is planted where it is. */
export function describeExploited(entry: KnownExploited): string {
  const planted = entry.plantedBy === null ? '' : `, planted by ${entry.plantedBy}`;
  return `${entry.cve} is known to be exploited since ${entry.addedAt.slice(0, 10)} (${entry.source}${planted}), due ${entry.dueAt.slice(0, 10)}`;
}

function named(reading: ChangelogReading, from: string | null): string {
  const ids = [...reading.cves, ...reading.otherIds].length;
  const since = from === null ? '' : ` since ${from}`;
  return `its changelog names ${ids} ${ids === 1 ? 'vulnerability' : 'vulnerabilities'} in ${reading.entries.length} ${reading.entries.length === 1 ? 'entry' : 'entries'}${since}`;
}

/**
 * The oldest source version that is installed. Null when a binary's versions are not its source's (gcc, kernels):
 * then every entry that was handed in counts.
 */
function installedSourceVersion(updates: readonly AvailableUpdate[]): string | null {
  if (updates.some((update) => withoutRebuild(update.to) !== update.sourceVersion)) return null;
  return updates.map((update) => withoutRebuild(update.from)).toSorted(compareVersions)[0] ?? null;
}

function idsIn(text: string, pattern: RegExp, spell: (id: string) => string): string[] {
  return [...new Set((text.match(pattern) ?? []).map(spell))].toSorted(compareIds);
}

/** By year, then by number: `CVE-2026-7383` comes before `CVE-2026-35189`. */
function compareIds(left: string, right: string): number {
  const [a, b] = [left.split('-'), right.split('-')];
  return (
    compareWords(a[0] ?? '', b[0] ?? '') ||
    Number(a[1]) - Number(b[1]) ||
    Number(a[2]) - Number(b[2]) ||
    compareWords(left, right)
  );
}

function compareWords(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** The first word counts: `high (security fixes)` is high. */
function urgencyOf(words: string): Urgency {
  const first = words
    .trim()
    .toLowerCase()
    .split(/[\s;,(]/, 1)[0];
  return urgencies.find((urgency) => urgency === first) ?? 'unknown';
}

function highest(found: readonly Urgency[]): Urgency {
  return found.toSorted((a, b) => urgencies.indexOf(b) - urgencies.indexOf(a))[0] ?? 'unknown';
}
