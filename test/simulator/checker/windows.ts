/**
 * When a policy's windows are open at a site, worked out independently by Intl and plain arithmetic: a window belongs
 * to the day it opens on the site's wall; an opening that spring skips is as long after the skip as it would have been;
 * one that autumn brings twice is meant the first time; what is left of days is exact minutes.
 */
import type { Opening, Policy, WindowRule } from '../../../domain/policies/policy.ts';

export type Span = { readonly fromAt: number; readonly untilAt: number };

const minute = 60_000;
const day = 24 * 60 * minute;
const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const formats = new Map<string, Intl.DateTimeFormat>();

/** Windows open at some instant of the span, overlapping ones joined, blackouts cut out. */
export function windowsOpen(
  policy: Pick<Policy, 'windows' | 'blackouts'>,
  site: { readonly timeZone: string; readonly blackouts: Policy['blackouts'] },
  within: Span,
): Span[] {
  const { timeZone } = site;
  const spans =
    policy.windows === 'always' ? [within] : policy.windows.flatMap((rule) => openings(rule, timeZone, within));
  const dark = [...policy.blackouts, ...site.blackouts].map(({ from, until }) => ({
    fromAt: instantOf(timeZone, from),
    untilAt: instantOf(timeZone, until),
  }));
  return joined(spans)
    .flatMap((span) => dark.reduce(without, [span]))
    .filter((span) => meet(span, within));
}

/** Minutes that are left of the windows at an instant: those that are open together are one. */
export function minutesLeft(spans: readonly Span[], at: number): number {
  const open = joined(spans).find(({ fromAt, untilAt }) => fromAt <= at && at < untilAt);
  return open ? (open.untilAt - at) / minute : 0;
}

function openings({ opens, lastsMinutes }: WindowRule, timeZone: string, within: Span): Span[] {
  const [hours = 0, minutes = 0] = opens.at.split(':').map(Number);
  const first = Math.floor((within.fromAt - (lastsMinutes + 2880) * minute) / day) * day;
  const spans: Span[] = [];
  // Days of the wall, counted as days of UTC: only their dates matter.
  for (let date = first; date <= within.untilAt + day; date += day) {
    if (!opensOn(opens, new Date(date))) continue;
    const fromAt = onTheWall(timeZone, date + (hours * 60 + minutes) * minute);
    const whole = Math.floor(lastsMinutes / 1440);
    const untilAt = wholeDaysLater(timeZone, fromAt, whole) + (lastsMinutes - whole * 1440) * minute;
    if (meet({ fromAt, untilAt }, within)) spans.push({ fromAt, untilAt });
  }
  return spans;
}

function opensOn(opens: Opening, date: Date): boolean {
  if (opens.every === 'once') return date.toISOString().startsWith(opens.date);
  const name = weekdays[date.getUTCDay()];
  if (opens.every === 'week') return opens.weekdays.some((weekday) => weekday === name);
  const counted = new Date(date.getTime() - opens.daysAfter * day);
  if (weekdays[counted.getUTCDay()] !== opens.weekday) return false;
  if (opens.nth === 'last') return new Date(counted.getTime() + 7 * day).getUTCMonth() !== counted.getUTCMonth();
  return Math.floor((counted.getUTCDate() - 1) / 7) + 1 === opens.nth;
}

function instantOf(timeZone: string, civil: string): number {
  return onTheWall(timeZone, Date.parse(`${civil.replace(' ', 'T')}${civil.includes(' ') ? ':00' : 'T00:00:00'}Z`));
}

/** The instant at which the wall shows what UTC shows at `wall`. */
function onTheWall(timeZone: string, wall: number): number {
  const before = offsetAt(timeZone, wall - day);
  const after = offsetAt(timeZone, wall + day);
  const readings = [...new Set([wall - before, wall - after])].toSorted((a, b) => a - b);
  const shown = readings.filter((at) => at + offsetAt(timeZone, at) === wall);
  return shown[0] ?? wall - before;
}

function wholeDaysLater(timeZone: string, at: number, days: number): number {
  if (days === 0) return at;
  return onTheWall(timeZone, at + offsetAt(timeZone, at) + days * day);
}

/** How far the wall is ahead of UTC, in milliseconds. */
function offsetAt(timeZone: string, at: number): number {
  if (timeZone === 'UTC') return 0;
  let format = formats.get(timeZone);
  if (!format) {
    const parts = {
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    } as const;
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...parts });
    formats.set(timeZone, format);
  }
  const shown = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day: date = 1, hour = 0, minute: minutes = 0, second = 0 } = shown;
  return Date.UTC(year, month - 1, date, hour, minutes, second) - Math.floor(at / 1000) * 1000;
}

function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.fromAt - b.fromAt)) {
    const last = result.at(-1);
    if (last && span.fromAt <= last.untilAt)
      result[result.length - 1] = { fromAt: last.fromAt, untilAt: Math.max(last.untilAt, span.untilAt) };
    else result.push(span);
  }
  return result;
}

function without(spans: readonly Span[], dark: Span): Span[] {
  return spans
    .flatMap((span) => [
      { fromAt: span.fromAt, untilAt: Math.min(span.untilAt, dark.fromAt) },
      { fromAt: Math.max(span.fromAt, dark.untilAt), untilAt: span.untilAt },
    ])
    .filter(({ fromAt, untilAt }) => fromAt < untilAt);
}

function meet(a: Span, b: Span): boolean {
  return a.fromAt < b.untilAt && b.fromAt < a.untilAt;
}
