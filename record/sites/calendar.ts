/**
 * The only place where civil time becomes instants (rule 16: docs/rules.md#rule-16). It runs in an activity, so the
 * answer is in history and a replay cannot change it. Follows RFC 5545 §3.3.5 and §3.3.6:
 * - a window belongs to the day it opens, by the calendar of the site's zone;
 * - an opening that the change to summer time skips is as long after the skip as it would have been (02:30 is 03:30);
 * - an opening that happens twice in autumn is meant the first time;
 * - hours and minutes of a duration are exact, whole days are days of the calendar;
 * - a blackout whose end is skipped or happens twice is as long as it can be read to be.
 */
import { DateTime } from 'luxon';
import type { Blackout, Opening, Weekday, WindowRule } from '../../domain/policies/policy.ts';
import type { BlackoutInstant, WindowInstant } from '../../domain/rollout/window.ts';

const minutesOfDay = 1440;
const weekdays: readonly Weekday[] = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

type Span = { readonly from: DateTime; readonly until: DateTime };

/**
 * Every window that is open at some instant between `fromAt` and `untilAt`, in order, overlapping ones joined and
 * blackouts cut out. A window that opened before `fromAt` keeps its opening. `always` is one window from `fromAt` to `untilAt`.
 * @throws Error when the zone or an instant cannot be read: an unknown zone has no windows to guess
 */
export function windowInstants(question: {
  readonly windows: 'always' | readonly WindowRule[];
  readonly blackouts: readonly Blackout[];
  readonly timeZone: string;
  readonly fromAt: string;
  readonly untilAt: string;
}): WindowInstant[] {
  const { windows, blackouts, timeZone } = question;
  const asked: Span = { from: instantIn(timeZone, question.fromAt), until: instantIn(timeZone, question.untilAt) };
  if (asked.until <= asked.from) return [];
  const spans = windows === 'always' ? [asked] : windows.flatMap((rule) => spansOf(rule, timeZone, asked));
  const dark = blackouts.map((blackout) => darkSpan(blackout, timeZone));
  return joined(spans)
    .flatMap((span) => dark.reduce(cutOut, [span]))
    .filter((span) => overlaps(span, asked))
    .map(({ from, until }) => ({
      opensAt: isoOf(from),
      closesAt: isoOf(until),
      words: sayWindow(from, until, timeZone),
    }));
}

/** The blackouts that are not over at `fromAt`, in order. */
export function blackoutInstants(question: {
  readonly blackouts: readonly Blackout[];
  readonly timeZone: string;
  readonly fromAt: string;
}): BlackoutInstant[] {
  const { blackouts, timeZone } = question;
  const fromAt = instantIn(timeZone, question.fromAt);
  return blackouts
    .map((blackout) => ({ because: blackout.because, ...darkSpan(blackout, timeZone) }))
    .filter(({ until }) => until > fromAt)
    .toSorted((a, b) => a.from.toMillis() - b.from.toMillis())
    .map(({ from, until, because }) => ({
      beginsAt: isoOf(from),
      endsAt: isoOf(until),
      because,
      words: sayWindow(from, until, timeZone),
    }));
}

/** The date on the wall at an instant, `2026-12-01`. */
export function civilDate(now: string, timeZone: string): string {
  return instantIn(timeZone, now).toFormat('yyyy-MM-dd');
}

/** An instant on the wall, for people: `Wed 2026-12-09 22:00 (Europe/Berlin)`. */
export function wallClock(at: string, timeZone: string): string {
  return `${instantIn(timeZone, at).toFormat(wallFormat)} (${timeZone})`;
}

const wallFormat = 'ccc yyyy-MM-dd HH:mm';

function sayWindow(from: DateTime, until: DateTime, timeZone: string): string {
  return `${from.toFormat(wallFormat)} to ${until.toFormat(wallFormat)} (${timeZone})`;
}

function spansOf(rule: WindowRule, timeZone: string, asked: Span): Span[] {
  const longestDays = Math.ceil(rule.lastsMinutes / minutesOfDay) + 1;
  const spans: Span[] = [];
  const last = asked.until.plus({ days: 1 }).toFormat('yyyy-MM-dd');
  for (
    let day = noonOf(asked.from).minus({ days: longestDays });
    day.toFormat('yyyy-MM-dd') <= last;
    day = day.plus({ days: 1 })
  ) {
    if (!opensOn(rule.opens, day)) continue;
    const from = civilInstant(timeZone, `${day.toFormat('yyyy-MM-dd')} ${rule.opens.at}`);
    const span = { from, until: endOf(from, rule.lastsMinutes) };
    if (overlaps(span, asked)) spans.push(span);
  }
  return spans;
}

function opensOn(opens: Opening, day: DateTime): boolean {
  if (opens.every === 'once') return day.toFormat('yyyy-MM-dd') === opens.date;
  if (opens.every === 'week') return opens.weekdays.some((weekday) => isWeekday(day, weekday));
  const counted = day.minus({ days: opens.daysAfter });
  if (!isWeekday(counted, opens.weekday)) return false;
  if (opens.nth === 'last') return counted.plus({ days: 7 }).month !== counted.month;
  return Math.ceil(counted.day / 7) === opens.nth;
}

function isWeekday(day: DateTime, weekday: Weekday): boolean {
  return weekdays[day.weekday - 1] === weekday;
}

function endOf(from: DateTime, lastsMinutes: number): DateTime {
  const days = Math.floor(lastsMinutes / minutesOfDay);
  return from.plus({ days }).plus({ minutes: lastsMinutes - days * minutesOfDay });
}

/** From the earliest reading of its beginning to the latest of its end: when in doubt, no work starts. */
function darkSpan({ from, until }: Blackout, timeZone: string): Span {
  const [earliest] = readingsOf(timeZone, from);
  const latest = readingsOf(timeZone, until).at(-1);
  if (!earliest || !latest) throw new Error(`the blackout ${from} to ${until} cannot be read in ${timeZone}`);
  return { from: earliest, until: latest };
}

/** `2026-12-01 22:00` in a zone, read as the rules above say. */
function civilInstant(timeZone: string, civil: string): DateTime {
  const readings = readingsOf(timeZone, civil);
  const [first] = readings;
  if (!first) throw new Error(`"${civil}" cannot be read in ${timeZone}`);
  // Skipped in spring: read with the offset from before the change, which is the later of the two.
  return isOnWall(first, civil) ? first : (readings.at(-1) ?? first);
}

/**
 * Every instant that a civil time may mean, in order: the one or the two at which it is on the wall, else both readings
 * around the change that skips it.
 */
function readingsOf(timeZone: string, civil: string): readonly DateTime[] {
  const wall = DateTime.fromFormat(civil, formatOf(civil), { zone: 'utc', locale: 'en' });
  if (!wall.isValid) throw new Error(`"${civil}" is no date and time; write 2026-12-01 22:00`);
  const near = [wall.minus({ days: 1 }), wall.plus({ days: 1 })].map((each) => each.setZone(timeZone));
  if (near.some((each) => !each.isValid)) throw new Error(`"${timeZone}" is no IANA time zone`);
  const readings = near
    .map(({ offset }) => wall.minus({ minutes: offset }).setZone(timeZone))
    .toSorted((a, b) => a.toMillis() - b.toMillis());
  const real = readings.filter((reading) => isOnWall(reading, civil));
  return real.length > 0 ? real : readings;
}

function isOnWall(reading: DateTime, civil: string): boolean {
  const shown = reading.toFormat(formatOf(civil));
  return shown === civil && (civil.includes(' ') || reading.toFormat('HH:mm') === '00:00');
}

function formatOf(civil: string): string {
  return civil.includes(' ') ? 'yyyy-MM-dd HH:mm' : 'yyyy-MM-dd';
}

function instantIn(timeZone: string, at: string): DateTime {
  const instant = DateTime.fromISO(at, { zone: timeZone, locale: 'en' });
  if (!instant.isValid) throw new Error(`"${at}" in zone "${timeZone}" cannot be read: ${instant.invalidExplanation}`);
  return instant;
}

function noonOf(instant: DateTime): DateTime {
  return instant.set({ hour: 12, minute: 0, second: 0, millisecond: 0 });
}

function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from.toMillis() - b.from.toMillis())) {
    const last = result.at(-1);
    if (!last || last.until < span.from) result.push(span);
    else if (last.until < span.until) result[result.length - 1] = { from: last.from, until: span.until };
  }
  return result;
}

function cutOut(spans: readonly Span[], dark: Span): Span[] {
  return spans.flatMap((span) => {
    if (!overlaps(span, dark)) return [span];
    return [
      { from: span.from, until: dark.from },
      { from: dark.until, until: span.until },
    ].filter(({ from, until }) => from < until);
  });
}

function overlaps(a: Span, b: Span): boolean {
  return a.from < b.until && b.from < a.until;
}

function isoOf(instant: DateTime): string {
  return instant.toUTC().toFormat("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'");
}
