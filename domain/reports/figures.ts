import type { CycleFigures, PatchSetEntry, PatchResult, RecordedFacts } from './cycle-facts.ts';
import type { EndpointFacts, EndpointPatchFacts } from './endpoint-facts.ts';
import type { EndpointOutcome } from '../endpoints/saga.ts';
import type { PatchDecision } from '../patches/decision.ts';

/** One patch of the patch set on one endpoint, and how it stands. */
export type PatchLine = {
  readonly endpoint: EndpointFacts;
  readonly patch: EndpointPatchFacts;
  /** Null for a package that only the change record brings (pulled in by another patch). */
  readonly entry: PatchSetEntry | null;
  readonly result: PatchResult;
};

const resultOfDecision: Readonly<Record<Exclude<PatchDecision, 'approved'>, PatchResult>> = {
  declined: 'declined',
  excepted: 'excepted',
  waiting: 'notYetApproved',
  dropped: 'dropped',
};

const resultOfOutcome: Readonly<Record<EndpointOutcome, PatchResult>> = {
  patched: 'notProven',
  unchanged: 'notProven',
  rolled_back: 'rolledBack',
  quarantined: 'failed',
  skipped: 'skipped',
  superseded: 'superseded',
};

/** Every patch on every endpoint, once. Proof counts only on an endpoint that ended as patched. */
export function patchLines(facts: RecordedFacts): PatchLine[] {
  const entries = new Map(facts.patchSet.map((entry) => [`${entry.package} ${entry.to}`, entry]));
  return facts.endpoints.flatMap((endpoint) =>
    endpoint.patches.map((patch) => {
      const entry = entries.get(`${patch.package} ${patch.to}`) ?? null;
      return { endpoint, patch, entry, result: resultOf(endpoint, patch) };
    }),
  );
}

/** The lines of each endpoint, or of each entry of the patch set; a key without lines is not in it. */
export function groupLines<Key>(lines: readonly PatchLine[], keyOf: (line: PatchLine) => Key): Map<Key, PatchLine[]> {
  const groups = new Map<Key, PatchLine[]>();
  for (const line of lines) {
    const group = groups.get(keyOf(line));
    if (group) group.push(line);
    else groups.set(keyOf(line), [line]);
  }
  return groups;
}

/** Whether a patch that is not done passed its due date; one without a due date never is. */
export function isOverdue(line: PatchLine, now: string): boolean {
  const dueAt = line.entry?.dueAt ?? null;
  return line.result !== 'patched' && dueAt !== null && Date.parse(dueAt) < Date.parse(now);
}

function resultOf(endpoint: EndpointFacts, patch: EndpointPatchFacts): PatchResult {
  if (patch.proven && endpoint.outcome === 'patched') return 'patched';
  if (patch.decision !== 'approved') return resultOfDecision[patch.decision];
  if (endpoint.outcome !== null) return resultOfOutcome[endpoint.outcome];
  return endpoint.waitingFor === null ? 'inProgress' : 'waiting';
}

/** Counts what was recorded. Every endpoint and every patch is counted exactly once; nothing leaves the total. */
export function countFigures(facts: RecordedFacts): CycleFigures {
  const lines = patchLines(facts);
  const open = new Set(lines.filter((line) => line.result !== 'patched').flatMap((line) => line.entry?.cves ?? []));
  const found = new Set(facts.patchSet.flatMap((entry) => entry.cves));
  const seen = new Set(lines.flatMap((line) => line.entry?.cves ?? []));
  const exploited = new Set(facts.patchSet.flatMap((entry) => entry.exploited.map((one) => one.cve)));
  const cvesOpen = [...found].filter((cve) => open.has(cve) || !seen.has(cve));
  return {
    endpoints: endpointFigures(facts.endpoints),
    patches: patchFigures(lines),
    decisions: decisionFigures(facts.patchSet),
    patchesOverdue: lines.filter((line) => isOverdue(line, facts.factsReadAt)).length,
    silent: facts.discovery.silent.length,
    unmanaged: facts.discovery.unmanaged.length,
    cvesClosed: found.size - cvesOpen.length,
    cvesOpen: cvesOpen.length,
    exploitedCvesOpen: cvesOpen.filter((cve) => exploited.has(cve)).length,
  };
}

function endpointFigures(endpoints: readonly EndpointFacts[]): CycleFigures['endpoints'] {
  const count = (matches: (endpoint: EndpointFacts) => boolean) => endpoints.filter(matches).length;
  const ended = (outcome: EndpointOutcome) => count((endpoint) => endpoint.outcome === outcome);
  return {
    total: endpoints.length,
    patched: ended('patched'),
    unchanged: ended('unchanged'),
    rolled_back: ended('rolled_back'),
    quarantined: ended('quarantined'),
    skipped: ended('skipped'),
    superseded: ended('superseded'),
    waiting: count((endpoint) => endpoint.outcome === null && endpoint.waitingFor !== null),
    inProgress: count((endpoint) => endpoint.outcome === null && endpoint.waitingFor === null),
  };
}

function patchFigures(lines: readonly PatchLine[]): CycleFigures['patches'] {
  const count = (result: PatchResult) => lines.filter((line) => line.result === result).length;
  return {
    total: lines.length,
    patched: count('patched'),
    waiting: count('waiting'),
    inProgress: count('inProgress'),
    rolledBack: count('rolledBack'),
    failed: count('failed'),
    skipped: count('skipped'),
    superseded: count('superseded'),
    notProven: count('notProven'),
    declined: count('declined'),
    excepted: count('excepted'),
    notYetApproved: count('notYetApproved'),
    dropped: count('dropped'),
  };
}

function decisionFigures(patchSet: readonly PatchSetEntry[]): CycleFigures['decisions'] {
  const count = (decision: PatchDecision) => patchSet.filter((entry) => entry.decision === decision).length;
  return {
    approved: count('approved'),
    declined: count('declined'),
    excepted: count('excepted'),
    waiting: count('waiting'),
    dropped: count('dropped'),
  };
}
