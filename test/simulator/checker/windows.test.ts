import fc from 'fast-check';
import { expect, it } from 'vitest';
import { windowInstants } from '../../../record/sites/calendar.ts';
import type { Opening, Weekday, WindowRule } from '../../../domain/policies/policy.ts';
import { minutesLeft, windowsOpen } from './windows.ts';

const site = (timeZone: string) => ({ timeZone, blackouts: [] });
const nightly = (at: string, lastsMinutes: number): WindowRule => ({
  words: '',
  opens: { every: 'week', weekdays: ['Sunday'], at },
  lastsMinutes,
});
const iso = (at: number) => new Date(at).toISOString();

it.each([
  // Spring: 02:30 is not on the wall of 29 March, and is as long after the skip as it would have been.
  ['2026-03-28T00:00:00Z', '02:30', '2026-03-29T01:30:00.000Z', '2026-03-29T02:30:00.000Z'],
  // Autumn: 02:30 comes twice on 25 October, and the first is meant.
  ['2026-10-24T00:00:00Z', '02:30', '2026-10-25T00:30:00.000Z', '2026-10-25T01:30:00.000Z'],
  // Across midnight it belongs to the day it opens.
  ['2026-07-04T12:00:00Z', '23:30', '2026-07-05T21:30:00.000Z', '2026-07-05T22:30:00.000Z'],
])('an hour that opens on Sunday at %s in Berlin', (from, at, opens, closes) => {
  const fromAt = Date.parse(from);
  const within = { fromAt, untilAt: fromAt + 3 * 86_400_000 };
  const [window] = windowsOpen({ windows: [nightly(at, 60)], blackouts: [] }, site('Europe/Berlin'), within);
  expect(window && [iso(window.fromAt), iso(window.untilAt)]).toEqual([opens, closes]);
});

it('cuts blackouts out, and counts what is left', () => {
  const fromAt = Date.parse('2026-05-01T00:00:00Z');
  const within = { fromAt, untilAt: fromAt + 86_400_000 };
  const dark = { from: '2026-05-01 10:00', until: '2026-05-01 12:00', because: 'a fair' };
  const spans = windowsOpen({ windows: 'always', blackouts: [dark] }, site('UTC'), within);
  expect(minutesLeft(spans, Date.parse('2026-05-01T09:00:00Z'))).toBe(60);
  expect(minutesLeft(spans, Date.parse('2026-05-01T11:00:00Z'))).toBe(0);
  expect(minutesLeft(spans, Date.parse('2026-05-01T12:00:00Z'))).toBe(12 * 60);
});

const weekday = fc.constantFrom<Weekday>('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday');
const at = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map(([hours, minutes]) => `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`);
const opening = fc.oneof(
  fc.record({ every: fc.constant('week' as const), weekdays: fc.uniqueArray(weekday, { minLength: 1 }), at }),
  fc.record({
    every: fc.constant('month' as const),
    nth: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const, 'last' as const),
    weekday,
    daysAfter: fc.integer({ min: 0, max: 6 }),
    at,
  }),
) satisfies fc.Arbitrary<Opening>;

it('means the same as the product, by another arithmetic', () => {
  const zone = fc.constantFrom(
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kolkata',
    'America/Santiago',
    'UTC',
  );
  const start = fc.integer({
    min: Date.parse('2026-01-01T00:00:00Z') / 60_000,
    max: Date.parse('2027-12-31T00:00:00Z') / 60_000,
  });
  const lasts = fc.integer({ min: 1, max: 3000 });
  fc.assert(
    fc.property(zone, opening, start, lasts, (timeZone, opens, minute, lastsMinutes) => {
      const fromAt = minute * 60_000;
      const untilAt = fromAt + 20 * 86_400_000;
      const windows = [{ words: '', opens, lastsMinutes }];
      const product = windowInstants({ windows, blackouts: [], timeZone, fromAt: iso(fromAt), untilAt: iso(untilAt) });
      const own = windowsOpen({ windows, blackouts: [] }, site(timeZone), { fromAt, untilAt });
      expect(own.map((span) => `${iso(span.fromAt)} ${iso(span.untilAt)}`)).toEqual(
        product.map((window) => `${window.opensAt} ${window.closesAt}`),
      );
    }),
    { numRuns: 150 },
  );
});
