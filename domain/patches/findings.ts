import { describeExploited } from './advisory.ts';
import type { AdvisoryFacts } from './advisory.ts';
import type { Severity } from './classification.ts';

/** A vulnerability, or several fixed together, on one endpoint, with the patch that closes it. */
export type Finding = {
  readonly endpoint: string;
  readonly source: string;
  /** The source version that fixes it. */
  readonly fixedIn: string;
  readonly packages: readonly string[];
  /** Empty when the changelog could not be read or names only other ids. */
  readonly cves: readonly string[];
  readonly otherIds: readonly string[];
  readonly severity: Severity;
  readonly exploitedCves: readonly string[];
  readonly publishedAt: string | null;
  readonly dueAt: string;
  readonly needsEmergency: boolean;
  readonly because: readonly string[];
};

/**
 * Days from the patch's publication until it is due, by severity.
 * Critical, important and unknown: 14 days, UK Cyber Essentials v3.3 (in force since 2026-04-27): fixes that the vendor
 * calls critical or high risk, and those without any severity, within 14 days of release.
 * Moderate and low: PCI DSS 4.0.1 §6.3.3 asks for a time frame of one's own; 30 and 90 days are this product's.
 */
export const dueDays: Readonly<Record<Severity, number>> = {
  critical: 14,
  important: 14,
  unknown: 14,
  moderate: 30,
  low: 90,
};

const dayMilliseconds = 24 * 60 * 60 * 1000;

/**
 * The findings that advisories mean for one endpoint. An advisory that is known to fix no vulnerability gives none; one
 * whose changelog could not be read does.
 * Due is the earlier of two dates: publication (where unknown, `firstSeenAt`) plus `dueDays`, and the catalogue's own date
 * for what is known to be exploited, even where that date passed before the patch came out. Nothing stops this clock.
 * @param advisories joined from this endpoint's updates alone
 * @param firstSeenAt when the update was first seen anywhere
 */
export function findingsOf(
  endpoint: string,
  advisories: readonly AdvisoryFacts[],
  severityOf: (advisory: AdvisoryFacts) => Severity,
  firstSeenAt: string,
): Finding[] {
  return advisories
    .filter(fixesVulnerability)
    .map((advisory) => findingOf(endpoint, advisory, severityOf(advisory), firstSeenAt));
}

function findingOf(endpoint: string, advisory: AdvisoryFacts, severity: Severity, firstSeenAt: string): Finding {
  const startAt = advisory.publishedAt ?? firstSeenAt;
  const dueBySeverityAt = new Date(Date.parse(startAt) + dueDays[severity] * dayMilliseconds).toISOString();
  const dueAt =
    [dueBySeverityAt, ...(advisory.dueAt === null ? [] : [advisory.dueAt])].toSorted()[0] ?? dueBySeverityAt;
  const clock = advisory.publishedAt === null ? 'first seen, its publication is unknown' : 'published';
  return {
    endpoint,
    source: advisory.source,
    fixedIn: advisory.version,
    packages: advisory.packages,
    cves: advisory.cves,
    otherIds: advisory.otherIds,
    severity,
    exploitedCves: advisory.exploitedCves,
    publishedAt: advisory.publishedAt,
    dueAt,
    needsEmergency: advisory.knownExploited,
    because: [
      ...advisory.exploited.map(describeExploited),
      `severity ${severity}: ${dueDays[severity]} days from ${startAt.slice(0, 10)} (${clock})`,
      dueAt === dueBySeverityAt
        ? `due ${dueAt.slice(0, 10)}`
        : `due ${dueAt.slice(0, 10)}, the catalogue's date, which is earlier`,
    ],
  };
}

/** A source uploaded to a security suite counts even where its changelog names no id. */
function fixesVulnerability(advisory: AdvisoryFacts): boolean {
  if (!advisory.changelogRead) return true;
  const named = advisory.cves.length + advisory.otherIds.length > 0;
  return named || advisory.distributions.some((suite) => suite.endsWith('-security'));
}

export type EmergencyNeed = {
  readonly needed: boolean;
  readonly cves: readonly string[];
  readonly endpoints: readonly string[];
  readonly because: readonly string[];
};

/** Whether an emergency cycle is needed: one known exploited vulnerability on one endpoint is enough. */
export function needsEmergency(findings: readonly Finding[]): EmergencyNeed {
  const urgent = findings.filter((finding) => finding.needsEmergency);
  const cves = [...new Set(urgent.flatMap((finding) => finding.exploitedCves))].toSorted();
  return {
    needed: urgent.length > 0,
    cves,
    endpoints: [...new Set(urgent.map((finding) => finding.endpoint))].toSorted(),
    because: cves.map((cve) => exploitedSomewhere(cve, urgent)),
  };
}

function exploitedSomewhere(cve: string, findings: readonly Finding[]): string {
  const carrying = findings.filter((finding) => finding.exploitedCves.includes(cve));
  const endpoints = new Set(carrying.map((finding) => finding.endpoint)).size;
  const sources = [...new Set(carrying.map((finding) => `${finding.source} ${finding.fixedIn}`))].toSorted().join(', ');
  const reason = carrying.flatMap((finding) => finding.because).find((words) => words.startsWith(`${cve} `)) ?? cve;
  return `${reason}; open on ${endpoints} ${endpoints === 1 ? 'endpoint' : 'endpoints'}, closed by ${sources}`;
}
