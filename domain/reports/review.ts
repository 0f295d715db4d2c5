import { groupLines, isOverdue, patchLines } from './figures.ts';
import type { RecordedFacts } from './cycle-facts.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import { listed } from '../words.ts';
import type { ExceptionFacts, ReviewFacts, SupportEnd } from './review-facts.ts';

type Suggestion = ReviewFacts['suggestions'][number];
type EndOfSupport = ReviewFacts['endOfSupport'][number];

const dayMilliseconds = 24 * 60 * 60 * 1000;
/** Half a year: what a client needs to plan the upgrade of an operating system in. */
const defaultSoonDays = 180;

/**
 * What to change before the next cycle: endpoints out of support or soon to be, exceptions that ran out, rules that
 * matched nothing, endpoints that keep waiting, and what follows from each. Judged at `facts.factsReadAt`.
 * @param soonDays support that ends within so many days is named
 */
export function reviewCycle(facts: RecordedFacts, soonDays = defaultSoonDays): ReviewFacts {
  const endOfSupport = facts.endpoints.flatMap((endpoint) => supportOf(endpoint, facts, soonDays) ?? []);
  const expiredExceptions = facts.exceptions.flatMap((exception) => expired(exception, facts.factsReadAt));
  const matchedNothing = facts.rules.filter((rule) => rule.matched === 0);
  const stillWaiting = facts.endpoints.flatMap(({ endpoint, outcome, waitingFor, because }) =>
    outcome === null && waitingFor !== null ? [{ endpoint, waitingFor, because }] : [],
  );
  const silent = new Set(facts.discovery.silent.map(({ endpoint }) => endpoint));
  return {
    endOfSupport,
    expiredExceptions,
    matchedNothing,
    stillWaiting,
    suggestions: [
      ...aboutOutcomes(facts),
      ...aboutOverdue(facts),
      ...aboutDiscovery(facts),
      ...aboutSupport(endOfSupport),
      ...expiredExceptions.map((exception) => ({
        suggestion: `Decide again about ${exception.subject}`,
        because: `${articleOf(exception.kind)} of ${exception.owner} ran out on ${exception.until}: ${exception.because}`,
      })),
      ...matchedNothing.map((rule) => ({
        suggestion: `Repair or remove the ${rule.kind} rule "${rule.rule}"`,
        because: 'it matched nothing in this cycle',
      })),
      ...aboutWaiting(stillWaiting.filter(({ endpoint }) => !silent.has(endpoint))),
    ],
  };
}

/** Null when support goes on for longer than `soonDays`. An end that no source knows is named as unknown. */
function supportOf(endpoint: EndpointFacts, facts: RecordedFacts, soonDays: number): EndOfSupport | null {
  const { id, version } = endpoint.os;
  const end = facts.supportEnds.find((one) => one.os.id === id && one.os.version === version);
  const found = { endpoint: endpoint.endpoint, os: nameOf(id, version), endsAt: end?.endsAt ?? null };
  if (!end || end.endsAt === null)
    return { ...found, state: 'unknown', because: `no source knows until when ${found.os} is supported` };
  const now = Date.parse(facts.factsReadAt);
  if (Date.parse(end.endsAt) > now + soonDays * dayMilliseconds) return null;
  if (Date.parse(end.endsAt) > now)
    return { ...found, state: 'soon', because: `security support ends on ${dayOf(end.endsAt)} (${end.source})` };
  return { ...found, ...afterTheEnd(end, end.endsAt, now) };
}

function afterTheEnd(end: SupportEnd, endsAt: string, now: number): Pick<EndOfSupport, 'state' | 'because'> {
  const ended = `the vendor's security support ended on ${dayOf(endsAt)}`;
  if (end.extendedEndsAt === null)
    return { state: 'past', because: `${ended}, and no longer support is known (${end.source})` };
  if (Date.parse(end.extendedEndsAt) <= now)
    return { state: 'past', because: `${ended}, the extended one on ${dayOf(end.extendedEndsAt)} (${end.source})` };
  return {
    state: 'extended only',
    because: `${ended}; extended support until ${dayOf(end.extendedEndsAt)} (${end.source})`,
  };
}

function expired(exception: ExceptionFacts, now: string): ReviewFacts['expiredExceptions'] {
  const endedAt = Date.parse(`${exception.until}T00:00:00Z`) + dayMilliseconds;
  const over = Date.parse(now) - endedAt;
  if (over < 0) return [];
  return [{ ...exception, expiredDays: Math.floor(over / dayMilliseconds) + 1 }];
}

function aboutSupport(ends: readonly EndOfSupport[]): Suggestion[] {
  const advice: Readonly<Record<EndOfSupport['state'], (names: string, os: string) => string>> = {
    past: (names, os) => `Isolate or phase out ${names}: ${os} gets no security fixes any more`,
    'extended only': (names, os) => `Plan to leave ${os} on ${names}`,
    soon: (names, os) => `Plan to leave ${os} on ${names}`,
    unknown: (names, os) => `Find out until when ${os} on ${names} is supported`,
  };
  const urgentFirst = (['past', 'unknown', 'extended only', 'soon'] as const).flatMap((state) =>
    ends.filter((end) => end.state === state),
  );
  const releases = [...new Set(urgentFirst.map((end) => end.os))];
  return releases.flatMap((os) => {
    const group = urgentFirst.filter((end) => end.os === os);
    const first = group[0];
    if (!first) return [];
    const names = listed(group.map((end) => end.endpoint));
    return [{ suggestion: advice[first.state](names, os), because: first.because }];
  });
}

function aboutOutcomes(facts: RecordedFacts): Suggestion[] {
  const failed = facts.endpoints.flatMap(({ endpoint, outcome, personNeeded, because }) => {
    if (outcome === 'quarantined' && personNeeded)
      return [{ suggestion: `Send a person to ${endpoint}`, because: because.join('; ') }];
    if (outcome === 'rolled_back')
      return [
        {
          suggestion: `Find out what the update broke on ${endpoint} before it is tried again`,
          because: because.join('; '),
        },
      ];
    return [];
  });
  const dropped = facts.patchSet
    .filter((entry) => entry.decision === 'dropped')
    .map((entry) => ({
      suggestion: `Hold ${entry.package} ${entry.to} until its fault is understood`,
      because: entry.because.join('; '),
    }));
  return [...failed, ...dropped];
}

/** One suggestion for each patch, however many endpoints lack it. */
function aboutOverdue(facts: RecordedFacts): Suggestion[] {
  const overdue = patchLines(facts).filter((line) => isOverdue(line, facts.factsReadAt));
  return [...groupLines(overdue, (line) => line.entry)].flatMap(([entry, lines]) => {
    if (entry === null) return [];
    const names = new Set(lines.map((line) => line.endpoint.endpoint));
    return [
      {
        suggestion: `Close overdue ${entry.package} ${entry.to} on ${listed([...names])}`,
        because: `it was due on ${dayOf(entry.dueAt ?? '')}, its severity is ${entry.severity}`,
      },
    ];
  });
}

function aboutDiscovery(facts: RecordedFacts): Suggestion[] {
  const { otherUpdaters, unmanaged, silent } = facts.discovery;
  return [
    ...otherUpdaters.map(({ endpoint, updater }) => ({
      suggestion: `Switch off ${updater} on ${endpoint}`,
      because: 'rings prove nothing while another updater installs on its own',
    })),
    ...unmanaged.map(({ site, address }) => ({
      suggestion: `Enrol ${address} at ${site}, or find out whose it is`,
      because: 'it answers on the network and is not patched',
    })),
    ...silent.map(({ endpoint, because }) => ({ suggestion: `Find out why ${endpoint} does not answer`, because })),
  ];
}

/** One suggestion for each thing that is waited for. */
function aboutWaiting(waiting: ReviewFacts['stillWaiting']): Suggestion[] {
  const kinds = [...new Set(waiting.map(({ waitingFor }) => waitingFor))];
  return kinds.map((kind) => {
    const group = waiting.filter(({ waitingFor }) => waitingFor === kind);
    const reasons = [...new Set(group.map(({ because }) => because.join('; ') || 'no reason was recorded'))];
    return {
      suggestion: `Look after ${listed(group.map(({ endpoint }) => endpoint))}: still waiting (${kind})`,
      because: listed(reasons, 3),
    };
  });
}

/** `debian`, `12` becomes `Debian 12`; an endpoint that was never inventoried has an unknown one. */
function nameOf(id: string, version: string): string {
  if (id === '' || id === 'unknown') return 'an unknown system';
  return `${id.charAt(0).toUpperCase()}${id.slice(1)} ${version}`.trim();
}

function articleOf(kind: ExceptionFacts['kind']): string {
  return { exception: 'the exception', block: 'the block', allow: 'the allowance' }[kind];
}

function dayOf(instant: string): string {
  return instant.slice(0, 10);
}
