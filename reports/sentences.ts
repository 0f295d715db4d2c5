/** What a cycle came to, in a client's words. The page and the terminal print the same sentences. */
import { describeExploited } from '../domain/patches/advisory.ts';
import type { CycleFacts } from '../domain/reports/cycle-facts.ts';
import { groupLines, patchLines } from '../domain/reports/figures.ts';
import type { PatchLine } from '../domain/reports/figures.ts';
import { listed } from '../domain/words.ts';
import { count, dayInWords, decisionWords, describeState, instantInWords } from './words.ts';

/** One sentence with every end in it, so that none can be overlooked. */
export function headline(facts: CycleFacts): string {
  const { endpoints } = facts.figures;
  const others: readonly (readonly [number, string])[] = [
    [endpoints.unchanged, 'with nothing due'],
    [endpoints.rolled_back, 'rolled back'],
    [endpoints.quarantined, 'quarantined'],
    [endpoints.skipped, 'skipped'],
    [endpoints.superseded, 'superseded'],
    [endpoints.waiting, 'waiting and not done'],
    [endpoints.inProgress, 'in progress and not done'],
  ];
  const patched = `${endpoints.patched} of ${count(endpoints.total, 'endpoint')} patched and proven`;
  return `${[patched, ...others.filter(([number]) => number > 0).map(([number, words]) => `${number} ${words}`)].join('; ')}.`;
}

/** True when every endpoint ended as it should: patched, or nothing was due. */
export function isComplete(facts: CycleFacts): boolean {
  const { endpoints } = facts.figures;
  return facts.state === 'finished' && endpoints.patched + endpoints.unchanged === endpoints.total;
}

export function whatWasFound(facts: CycleFacts): string[] {
  const { discovery, figures, patchSet, sites } = facts;
  const security = patchSet.filter((entry) => entry.class === 'security').length;
  const cves = figures.cvesClosed + figures.cvesOpen;
  const exploited = [...new Map(patchSet.flatMap((entry) => entry.exploited).map((one) => [one.cve, one])).values()];
  return [
    `${count(facts.endpoints.length, 'endpoint')} at ${count(sites.length, 'site')} (${listed(sites.map((site) => site.site))}); ${discovery.managed.length} answered.`,
    ...discovery.silent.map(
      ({ endpoint, site, lastSeenAt, because }) =>
        `${endpoint} at ${site} is silent, last seen ${lastSeenAt === null ? 'never' : instantInWords(lastSeenAt)}: ${because}.`,
    ),
    ...discovery.unmanaged.map(
      ({ site, address, macAddress }) =>
        `${address}${macAddress === null ? '' : ` (${macAddress})`} answers on the network of ${site} and is not managed: it is not patched here.`,
    ),
    ...discovery.otherUpdaters.map(({ endpoint, updater }) => `On ${endpoint} another updater is on: ${updater}.`),
    `${count(patchSet.length, 'update')} offered, ${security} of them for security; ${count(figures.patches.total, 'patch', 'patches')} when counted on each endpoint. ${cves === 0 ? 'No CVE is named' : `${count(cves, 'CVE')} named`}.`,
    ...exploited.map((entry) => `${describeExploited(entry)}.`),
  ];
}

export function whatWasPatched(facts: CycleFacts): string[] {
  const { patches, cvesClosed } = facts.figures;
  const patched = facts.endpoints.filter((endpoint) => endpoint.outcome === 'patched');
  if (patched.length === 0) return [facts.reportOnly ? 'Nothing: the policy only reports.' : 'Nothing was patched.'];
  return [
    `${listed(patched.map((endpoint) => endpoint.endpoint))}: ${patches.patched} of ${count(patches.total, 'patch', 'patches')} done.`,
    'Proved by looking, not by what the installer said: the planned version is installed, the package manager finds nothing broken, the endpoint has restarted where that was due, and nothing that worked before fails now.',
    ...facts.segments.flatMap(({ segment, test }) =>
      test === null
        ? []
        : [
            `Tried first on a clone of ${test.representative} (${segment}): ${test.verdict}. ${test.because.join('; ')}.`,
          ],
    ),
    ...(cvesClosed > 0 ? [`${count(cvesClosed, 'CVE')} closed on every endpoint where found.`] : []),
  ];
}

/** Something that was not carried out: what, how it stands, and the recorded reasons. */
export type Undone = { readonly subject: string; readonly state: string; readonly because: string };

/** Endpoints that are not done first, then patches that were not carried out. */
export function whatWasNotPatched(facts: CycleFacts): Undone[] {
  const lines = patchLines(facts);
  const byEntry = groupLines(lines, (line) => line.entry);
  const notDone = facts.endpoints.filter(({ outcome }) => outcome !== 'patched' && outcome !== 'unchanged');
  const heldBack = facts.patchSet.filter((entry) => entry.decision !== 'approved');
  return [
    ...notDone.map((endpoint) => undone(endpoint.endpoint, describeState(endpoint), endpoint.because)),
    ...heldBack.map((entry) => {
      const on = (byEntry.get(entry) ?? []).filter((line) => line.patch.decision === entry.decision).length;
      return undone(nameOf(entry), `${decisionWords[entry.decision]} on ${count(on, 'endpoint')}`, entry.because);
    }),
    ...lines
      .filter(differsFromSet)
      .map(({ endpoint, patch }) =>
        undone(`${nameOf(patch)} on ${endpoint.endpoint}`, decisionWords[patch.decision], [patch.because]),
      ),
    ...lines
      .filter(({ result }) => result === 'notProven')
      .map(({ endpoint, patch }) => undone(`${nameOf(patch)} on ${endpoint.endpoint}`, 'not proven', [patch.because])),
  ];
}

function differsFromSet({ patch, entry }: PatchLine): boolean {
  return patch.decision !== 'approved' && entry?.decision !== patch.decision;
}

function nameOf(patch: { readonly package: string; readonly to: string }): string {
  return `${patch.package} ${patch.to}`;
}

function undone(subject: string, state: string, because: readonly string[]): Undone {
  return { subject, state, because: because.filter(Boolean).join('; ') || 'no reason was recorded' };
}

/** What the facts themselves say is missing comes first, then what was handed in. */
export function whatIsNotCovered(facts: CycleFacts): string[] {
  const untested = facts.segments.filter((segment) => segment.test === null).map((segment) => segment.segment);
  return [
    ...(facts.state === 'running' ? [`The cycle was still running on ${instantInWords(facts.factsReadAt)}.`] : []),
    ...(facts.discovery.unmanaged.length > 0
      ? [
          `${count(facts.discovery.unmanaged.length, 'unmanaged address', 'unmanaged addresses')}: not inventoried and not patched.`,
        ]
      : []),
    ...(facts.discovery.silent.length > 0
      ? [
          `${listed(facts.discovery.silent.map(({ endpoint }) => endpoint))}: what is installed there now could not be seen.`,
        ]
      : []),
    ...(untested.length > 0 ? [`Nothing was tried on a clone for ${listed(untested)}.`] : []),
    ...facts.notCovered,
  ];
}

export function whatIsOverdue(facts: CycleFacts): string | null {
  const { patchesOverdue } = facts.figures;
  if (patchesOverdue === 0) return null;
  return `${count(patchesOverdue, 'patch', 'patches')} past the due date on ${dayInWords(facts.factsReadAt)} and not done.`;
}

/** Endpoints that only a person can help, each with why. */
export function endpointsThatNeedAPerson(facts: CycleFacts): string[] {
  return facts.endpoints
    .filter((endpoint) => endpoint.personNeeded)
    .map((endpoint) => `${endpoint.endpoint} at ${endpoint.site}: ${endpoint.because.join('; ')}.`);
}
