import { sayMinutes } from '../words.ts';

/**
 * Windows as instants. Civil time has been turned into instants before, in record/sites/calendar.ts, with words for
 * people; here is only arithmetic, so that a replay cannot change an answer. A window is open at its first instant
 * and closed at its last.
 */
export type WindowInstant = {
  readonly opensAt: string;
  readonly closesAt: string;
  /** In the site's wall-clock time: `Wed 2026-12-09 22:00 to Thu 2026-12-10 02:00 (Europe/Berlin)`. */
  readonly words: string;
};

/** No work starts from `beginsAt` until `endsAt`. */
export type BlackoutInstant = {
  readonly beginsAt: string;
  readonly endsAt: string;
  readonly because: string;
  readonly words: string;
};

/** The open window that closes last; null when none is open. */
export function openWindow(windows: readonly WindowInstant[], now: string): WindowInstant | null {
  const at = Date.parse(now);
  const open = windows.filter((window) => Date.parse(window.opensAt) <= at && at < Date.parse(window.closesAt));
  return open.toSorted((a, b) => Date.parse(b.closesAt) - Date.parse(a.closesAt))[0] ?? null;
}

export function isOpen(windows: readonly WindowInstant[], now: string): boolean {
  return openWindow(windows, now) !== null;
}

/** Minutes until the open window closes, fractions included; 0 when none is open. */
export function remainingMinutes(windows: readonly WindowInstant[], now: string): number {
  const open = openWindow(windows, now);
  return open ? minutesBetween(now, open.closesAt) : 0;
}

/**
 * Whether work of that length may start now (rule 6: docs/rules.md#rule-6): a window is open and what is left of it
 * covers the work.
 */
export function fits(windows: readonly WindowInstant[], now: string, expectedMinutes: number): boolean {
  return isOpen(windows, now) && remainingMinutes(windows, now) >= expectedMinutes;
}

/** The next window to open after now that is long enough for the work (any length by default); null when none is known. */
export function nextOpening(windows: readonly WindowInstant[], now: string, expectedMinutes = 0): WindowInstant | null {
  const later = windows.filter(
    (window) =>
      Date.parse(window.opensAt) > Date.parse(now) &&
      minutesBetween(window.opensAt, window.closesAt) >= expectedMinutes,
  );
  return later.toSorted((a, b) => Date.parse(a.opensAt) - Date.parse(b.opensAt))[0] ?? null;
}

/** Says in words whether work of that length may start now, and otherwise when. */
export function describeWindow(windows: readonly WindowInstant[], now: string, expectedMinutes: number): string {
  const open = openWindow(windows, now);
  const next = nextOpening(windows, now, expectedMinutes);
  const then = next
    ? `the next one is ${next.words}, in ${sayMinutes(minutesBetween(now, next.opensAt))}`
    : 'no later one is known that is long enough';
  if (!open) return `no window is open; ${then}`;
  const remaining = minutesBetween(now, open.closesAt);
  if (remaining >= expectedMinutes)
    return `the window ${open.words} is open, ${sayMinutes(remaining)} left, ${sayMinutes(expectedMinutes)} needed`;
  return `the window ${open.words} has ${sayMinutes(remaining)} left, ${sayMinutes(expectedMinutes)} needed; ${then}`;
}

function minutesBetween(from: string, until: string): number {
  return (Date.parse(until) - Date.parse(from)) / 60_000;
}
