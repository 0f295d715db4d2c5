import { describe, expect, it } from 'vitest';
import type { WindowInstant } from '../../../domain/rollout/window.ts';
import { describeWindow, fits, isOpen, nextOpening, remainingMinutes } from '../../../domain/rollout/window.ts';
import { sayMinutes } from '../../../domain/words.ts';

const windows: readonly WindowInstant[] = [
  {
    opensAt: '2026-12-09T21:00:00.000Z',
    closesAt: '2026-12-10T01:00:00.000Z',
    words: 'Wed 22:00 to Thu 02:00 (Europe/Berlin)',
  },
  {
    opensAt: '2026-12-13T01:00:00.000Z',
    closesAt: '2026-12-13T01:10:00.000Z',
    words: 'Sun 02:00 to 02:10 (Europe/Berlin)',
  },
  {
    opensAt: '2026-12-20T01:00:00.000Z',
    closesAt: '2026-12-20T04:00:00.000Z',
    words: 'Sun 02:00 to 05:00 (Europe/Berlin)',
  },
];

describe('a window', () => {
  it.each([
    ['a millisecond before it opens', '2026-12-09T20:59:59.999Z', false, 0],
    ['at the instant it opens', '2026-12-09T21:00:00.000Z', true, 240],
    ['after midnight', '2026-12-10T00:30:00.000Z', true, 30],
    ['at the instant it closes', '2026-12-10T01:00:00.000Z', false, 0],
    ['an instant with an offset is the same instant', '2026-12-10T01:30:00+01:00', true, 30],
  ])('%s', (_, now, open, remaining) => {
    expect(isOpen(windows, now)).toBe(open);
    expect(remainingMinutes(windows, now)).toBe(remaining);
  });

  it('work that exactly fills what is left may start, a second more may not', () => {
    expect(fits(windows, '2026-12-10T00:30:00.000Z', 30)).toBe(true);
    expect(fits(windows, '2026-12-10T00:30:01.000Z', 30)).toBe(false);
    expect(fits([], '2026-12-10T00:30:00.000Z', 0)).toBe(false);
  });

  it('the next opening that helps is long enough for the work', () => {
    expect(nextOpening(windows, '2026-12-10T01:00:00.000Z')?.opensAt).toBe('2026-12-13T01:00:00.000Z');
    expect(nextOpening(windows, '2026-12-10T01:00:00.000Z', 30)?.opensAt).toBe('2026-12-20T01:00:00.000Z');
    expect(nextOpening(windows, '2026-12-20T01:00:00.000Z')).toBeNull();
  });

  it.each([
    [
      '2026-12-10T00:00:00.000Z',
      'the window Wed 22:00 to Thu 02:00 (Europe/Berlin) is open, 1 hour left, 30 minutes needed',
    ],
    [
      '2026-12-10T00:45:00.000Z',
      'the window Wed 22:00 to Thu 02:00 (Europe/Berlin) has 15 minutes left, 30 minutes needed; the next one is Sun 02:00 to 05:00 (Europe/Berlin), in 10 days',
    ],
    [
      '2026-12-19T22:40:00.000Z',
      'no window is open; the next one is Sun 02:00 to 05:00 (Europe/Berlin), in 2 hours 20 minutes',
    ],
    ['2027-01-01T00:00:00.000Z', 'no window is open; no later one is known that is long enough'],
  ])('at %s: %s', (now, words) => {
    expect(describeWindow(windows, now, 30)).toBe(words);
  });
});

it.each([
  [1 / 6, '10 seconds'],
  [1, '1 minute'],
  [0, '0 minutes'],
  [90, '1 hour 30 minutes'],
  [1440, '1 day'],
  [3000, '2 days 2 hours'],
])('%d minutes are said as %s', (minutes, words) => {
  expect(sayMinutes(minutes)).toBe(words);
});
