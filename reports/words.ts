/** How a report says what the facts name. One word for one thing, here and in the terminal. */
import type { PatchResult } from '../domain/reports/cycle-facts.ts';
import type { EndpointFacts } from '../domain/reports/endpoint-facts.ts';
import type { EndpointOutcome, WaitingFor } from '../domain/endpoints/saga.ts';
import type { PatchDecision } from '../domain/patches/decision.ts';

const outcomeWords: Readonly<Record<EndpointOutcome, string>> = {
  patched: 'patched and proven',
  unchanged: 'nothing was due',
  rolled_back: 'rolled back',
  quarantined: 'quarantined, needs a person',
  skipped: 'skipped',
  superseded: 'superseded',
};

const waitingWords: Readonly<Record<WaitingFor, string>> = {
  offline: 'it is offline',
  window: 'its window is not open',
  budget: "its site's budget is used up",
  reboot: 'it has to restart',
  approval: 'it is not approved yet',
  ring: 'its ring has not opened',
};

export const resultWords: Readonly<Record<PatchResult, string>> = {
  patched: 'patched and proven',
  waiting: 'waiting, not done',
  inProgress: 'in progress, not done',
  rolledBack: 'rolled back, not done',
  failed: 'failed',
  skipped: 'skipped, not done',
  superseded: 'superseded',
  notProven: 'not proven',
  declined: 'declined',
  excepted: 'held back by an exception',
  notYetApproved: 'not yet approved',
  dropped: 'taken out',
};

export const decisionWords: Readonly<Record<PatchDecision, string>> = {
  approved: 'approved',
  declined: 'declined',
  excepted: 'held back by an exception',
  waiting: 'not yet approved',
  dropped: 'taken out',
};

/** The state of an endpoint; waiting is said as waiting, whatever else was done. */
export function describeState(endpoint: EndpointFacts): string {
  if (endpoint.outcome === 'quarantined' && !endpoint.personNeeded) return 'was quarantined, released by a person';
  if (endpoint.outcome !== null) return outcomeWords[endpoint.outcome];
  if (endpoint.personNeeded) return 'unknown, needs a person';
  if (endpoint.waitingFor !== null) return `waiting, not done (${waitingWords[endpoint.waitingFor]})`;
  return 'in progress, not done';
}

/** `1 endpoint`, `2 endpoints`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`;
}

/** The first ones, and how many more there are and where: a first page and a terminal stay readable for any fleet. */
export function firstOf<T>(items: readonly T[], atMost: number, more: (rest: number) => T): T[] {
  if (items.length <= atMost) return [...items];
  return [...items.slice(0, atMost), more(items.length - atMost)];
}

/** `2026-11-21 20:00 UTC`. An instant that cannot be read is shown as it is. */
export function instantInWords(instant: string): string {
  const time = Date.parse(instant);
  if (Number.isNaN(time)) return instant;
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** `2026-11-21`. */
export function dayInWords(instant: string): string {
  return instantInWords(instant).slice(0, 10);
}

/** `1 h 40 min`, `2 min`, `20 s`; empty when either end is missing. */
export function durationInWords(from: string | null, to: string | null): string {
  const seconds = Math.round((Date.parse(to ?? '') - Date.parse(from ?? '')) / 1000);
  if (Number.isNaN(seconds) || seconds < 0) return '';
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `3.0.20 → 3.0.22`; a package that was not there is `new`. */
export function versionsInWords(patch: { readonly from: string | null; readonly to: string }): string {
  return `${patch.from ?? 'new'} → ${patch.to}`;
}

/** What the boot ids say: a restart is proven by another one. */
export function bootInWords(before: string | null, after: string | null): string {
  if (before === null && after === null) return 'not observed';
  if (before === after) return `no restart (${before})`;
  return `${before ?? 'not observed'} → ${after ?? 'not observed'}`;
}
