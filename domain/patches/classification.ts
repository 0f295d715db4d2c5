/** What kind of update this is and how grave. Origins and published facts decide; nothing is guessed downwards. */
import type { AdvisoryFacts } from './advisory.ts';
import type { AvailableUpdate } from '../patch.ts';

export type PublishedFacts = Pick<AdvisoryFacts, 'cves' | 'urgency' | 'knownExploited'>;

export type Classification = {
  readonly class: UpdateClass;
  readonly severity: Severity;
  readonly because: readonly string[];
};

/**
 * Classifies one update.
 * - `security` when an origin is a distribution's security archive, or the distribution's own changelog names CVEs;
 *   `feature` from backports; `bugfix` from the distribution's other archives; else `unknown`, which no rule approves.
 * - `critical` when one of its CVEs is known to be exploited. A changelog's urgency is the uploader's haste, so it may
 *   raise a security update's severity and never lowers it: what is left `unknown` counts as `important` (rule 15:
 *   docs/rules.md#rule-15).
 */
export function classifyUpdate(update: AvailableUpdate, facts: PublishedFacts): Classification {
  const kind = kindOf(update, facts);
  const severity = severityOf(kind.class, facts);
  return { class: kind.class, severity: severity.severity, because: [kind.because, severity.because] };
}

/** The severity a rule is matched with: an unknown one counts as high. */
export function severityThatCounts(severity: Severity): Exclude<Severity, 'unknown'> {
  return severity === 'unknown' ? 'important' : severity;
}

function kindOf(update: AvailableUpdate, facts: PublishedFacts): { class: UpdateClass; because: string } {
  const security = update.origins.find(isSecurityArchive);
  if (security !== undefined) return { class: 'security', because: `it comes from the security archive ${security}` };
  const own = update.origins.find(isDistribution);
  if (own === undefined) {
    const from = update.origins.length > 0 ? update.origins.join(', ') : 'an archive that does not say what it is';
    return { class: 'unknown', because: `it comes from ${from}, whose updates have no known class` };
  }
  if (archiveOf(own).endsWith('-backports')) return { class: 'feature', because: `it comes from backports, ${own}` };
  if (facts.cves.length > 0)
    return { class: 'security', because: `its changelog names ${facts.cves.join(', ')}, and it comes from ${own}` };
  return { class: 'bugfix', because: `it comes from the distribution's archive ${own}` };
}

function severityOf(kind: UpdateClass, facts: PublishedFacts): { severity: Severity; because: string } {
  if (facts.knownExploited)
    return { severity: 'critical', because: 'a vulnerability it fixes is known to be exploited' };
  const { urgency } = facts;
  if (urgency === 'critical' || urgency === 'emergency')
    return { severity: 'critical', because: `its changelog says urgency ${urgency}` };
  if (urgency === 'high') return { severity: 'important', because: 'its changelog says urgency high' };
  if (kind === 'security' || kind === 'unknown' || urgency === 'unknown')
    return { severity: 'unknown', because: 'no severity is published for it; it counts as important' };
  return { severity: urgency === 'medium' ? 'moderate' : 'low', because: `its changelog says urgency ${urgency}` };
}

/** Labels as apt prints them: `Debian-Security:12/oldstable-security`, `Ubuntu:22.04/jammy-security`. */
function isSecurityArchive(origin: string): boolean {
  return origin.startsWith('Debian-Security:') || archiveOf(origin).endsWith('-security');
}

function isDistribution(origin: string): boolean {
  return /^(Debian|Ubuntu|Debian Backports|Debian-Security)(:|$)/.test(origin);
}

function archiveOf(origin: string): string {
  return origin.slice(origin.lastIndexOf('/') + 1);
}

export type UpdateClass = 'security' | 'bugfix' | 'feature' | 'unknown';

export type Severity = 'critical' | 'important' | 'moderate' | 'low' | 'unknown';
