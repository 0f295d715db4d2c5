import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blackoutInstants, civilDate, wallClock, windowInstants } from '../../../record/sites/calendar.ts';
import { readOpening } from '../../../activities/schemas/operators-words.ts';
import type { Blackout, Opening, Weekday, WindowRule } from '../../../domain/policies/policy.ts';

/** Windows in wall-clock words: what a person on site would see on the wall. */
function windowsOf(
  opens: string,
  lastsMinutes: number,
  timeZone: string,
  from: string,
  until: string,
  blackouts: readonly Blackout[] = [],
) {
  const opening = readOpening(opens);
  if (!opening) throw new Error(`${opens} cannot be read`);
  const windows = [{ words: opens, opens: opening, lastsMinutes }];
  return windowInstants({ windows, blackouts, timeZone, fromAt: from, untilAt: until });
}
const words = (windows: readonly { readonly words: string }[]) =>
  windows.map((window) => window.words.replace(/ \(.*\)$/, ''));
const minutes = (windows: readonly { readonly opensAt: string; readonly closesAt: string }[]) =>
  windows.map(({ opensAt, closesAt }) => (Date.parse(closesAt) - Date.parse(opensAt)) / 60_000);

const firstSunday = (zone: string) =>
  windowsOf('every Sunday, 02:00', 60, zone, '2026-12-05T00:00:00Z', '2026-12-07T00:00:00Z')[0]?.opensAt;

describe('a window opens on the day it says', () => {
  it.each([
    ['the day after the second Tuesday', 'day after second Tuesday, 22:00', '2026-12', ['Wed 2026-12-09 22:00']],
    [
      'which is not always the second Wednesday',
      'day after second Tuesday, 22:00',
      '2026-07',
      ['Wed 2026-07-15 22:00'],
    ],
    [
      'days after may reach into the next month',
      '3 days after last Thursday, 22:00',
      '2026-11',
      ['Sun 2026-11-01 22:00', 'Sun 2026-11-29 22:00'],
    ],
    ['the last Friday of the month', 'last Friday, 23:00', '2026-12', ['Fri 2026-12-25 23:00']],
    ['the first Monday', 'first Monday, 22:00', '2026-12', ['Mon 2026-12-07 22:00']],
    ['the fourth Thursday', 'fourth Thursday, 22:00', '2026-12', ['Thu 2026-12-24 22:00']],
    [
      'every Sunday',
      'every Sunday, 02:00',
      '2026-12',
      ['Sun 2026-12-06 02:00', 'Sun 2026-12-13 02:00', 'Sun 2026-12-20 02:00', 'Sun 2026-12-27 02:00'],
    ],
    [
      'two days a week',
      'every Monday and Thursday, 22:00',
      '2026-12',
      [
        'Thu 2026-12-03 22:00',
        'Mon 2026-12-07 22:00',
        'Thu 2026-12-10 22:00',
        'Mon 2026-12-14 22:00',
        'Thu 2026-12-17 22:00',
        'Mon 2026-12-21 22:00',
        'Thu 2026-12-24 22:00',
        'Mon 2026-12-28 22:00',
      ],
    ],
    ['a single date', '2026-12-01 22:00', '2026-12', ['Tue 2026-12-01 22:00']],
  ])('%s', (_, opens, month, expected) => {
    const open = windowsOf(opens, 60, 'Europe/Berlin', `${month}-01T00:00:00Z`, `${month}-30T12:00:00Z`);
    expect(words(open).map((each) => each.slice(0, 'Wed 2026-12-09 22:00'.length))).toEqual(expected);
  });

  it('weekdays are five windows a week, and a Friday night is not a Saturday', () => {
    const week = windowsOf('weekdays, 22:00', 240, 'Europe/Berlin', '2026-12-07T00:00:00Z', '2026-12-14T00:00:00Z');
    expect(words(week).map((each) => each.slice(0, 3))).toEqual(['Mon', 'Tue', 'Wed', 'Thu', 'Fri']);
    expect(words(week).at(-1)).toBe('Fri 2026-12-11 22:00 to Sat 2026-12-12 02:00');
  });

  it('the same words mean another instant in another zone', () => {
    expect(firstSunday('Europe/Berlin')).toBe('2026-12-06T01:00:00.000Z');
    expect(firstSunday('America/Chicago')).toBe('2026-12-06T08:00:00.000Z');
  });

  it('a window that opened before midnight is still open when it is asked for after midnight', () => {
    const open = windowsOf(
      'every Thursday, 22:00',
      240,
      'Europe/Berlin',
      '2026-12-11T00:30:00+01:00',
      '2026-12-11T01:00:00+01:00',
    );
    expect(words(open)).toEqual(['Thu 2026-12-10 22:00 to Fri 2026-12-11 02:00']);
  });
});

const springNight = (opens: string, lasts: number) =>
  windowsOf(opens, lasts, 'Europe/Berlin', '2026-03-28T12:00:00+01:00', '2026-03-29T12:00:00+02:00');

describe('summer time begins (Berlin, 2026-03-29: 02:00 becomes 03:00)', () => {
  it.each([
    [
      '22:00 for 4 hours lasts 4 hours',
      'every Saturday, 22:00',
      240,
      'Sat 2026-03-28 22:00 to Sun 2026-03-29 03:00',
      240,
    ],
    [
      '01:30 for 1 hour ends at 03:30 on the wall',
      'every Sunday, 01:30',
      60,
      'Sun 2026-03-29 01:30 to Sun 2026-03-29 03:30',
      60,
    ],
    [
      '02:30 does not exist and is 03:30',
      'every Sunday, 02:30',
      60,
      'Sun 2026-03-29 03:30 to Sun 2026-03-29 04:30',
      60,
    ],
    [
      '1 day is a day of the calendar',
      'every Saturday, 22:00',
      1440,
      'Sat 2026-03-28 22:00 to Sun 2026-03-29 22:00',
      1380,
    ],
  ])('%s', (_, opens, lasts, expected, length) => {
    expect(words(springNight(opens, lasts))).toEqual([expected]);
    expect(minutes(springNight(opens, lasts))).toEqual([length]);
  });

  it('every night opens at 22:00 on the wall, before and after', () => {
    const nights = windowsOf('every day, 22:00', 60, 'Europe/Berlin', '2026-03-27T12:00:00Z', '2026-03-31T12:00:00Z');
    expect(words(nights).every((each) => each.includes(' 22:00 to '))).toBe(true);
    expect(nights.map(({ opensAt }) => opensAt.slice(11, 13))).toEqual(['21', '21', '20', '20']);
  });
});

const autumnNight = (opens: string, lasts: number) =>
  windowsOf(opens, lasts, 'Europe/Berlin', '2026-10-24T12:00:00+02:00', '2026-10-25T12:00:00+01:00');

describe('summer time ends (Berlin, 2026-10-25: 03:00 becomes 02:00)', () => {
  it.each([
    [
      '22:00 for 4 hours lasts 4 hours',
      'every Saturday, 22:00',
      240,
      '2026-10-24T20:00:00.000Z',
      'Sat 2026-10-24 22:00 to Sun 2026-10-25 02:00',
    ],
    [
      '02:30 happens twice and opens once, the first time',
      'every Sunday, 02:30',
      60,
      '2026-10-25T00:30:00.000Z',
      'Sun 2026-10-25 02:30 to Sun 2026-10-25 02:30',
    ],
    [
      '01:30 for 3 hours ends at 03:30 on the wall',
      'every Sunday, 01:30',
      180,
      '2026-10-24T23:30:00.000Z',
      'Sun 2026-10-25 01:30 to Sun 2026-10-25 03:30',
    ],
  ])('%s', (_, opens, lasts, opensAt, expected) => {
    const open = autumnNight(opens, lasts);
    expect(open.map((window) => window.opensAt)).toEqual([opensAt]);
    expect(words(open)).toEqual([expected]);
    expect(minutes(open)).toEqual([lasts]);
  });
});

it('Chicago changes on another day than Berlin', () => {
  const chicago = windowsOf(
    'every Sunday, 02:30',
    60,
    'America/Chicago',
    '2026-03-07T00:00:00Z',
    '2026-03-16T00:00:00Z',
  );
  expect(words(chicago)).toEqual([
    'Sun 2026-03-08 03:30 to Sun 2026-03-08 04:30',
    'Sun 2026-03-15 02:30 to Sun 2026-03-15 03:30',
  ]);
});

const nightWith = (...blackouts: Blackout[]) =>
  words(
    windowsOf('every Saturday, 22:00', 240, 'Europe/Berlin', '2026-12-19T00:00:00Z', '2026-12-21T00:00:00Z', blackouts),
  );

describe('blackouts', () => {
  const because = 'stocktaking';

  it.each([
    ['around the window leaves nothing of it', '2026-12-19 00:00', '2026-12-21 00:00', []],
    [
      'at its beginning leaves its end',
      '2026-12-19 20:00',
      '2026-12-19 23:00',
      ['Sat 2026-12-19 23:00 to Sun 2026-12-20 02:00'],
    ],
    [
      'at its end leaves its beginning',
      '2026-12-20 00:00',
      '2026-12-21 00:00',
      ['Sat 2026-12-19 22:00 to Sun 2026-12-20 00:00'],
    ],
    [
      'inside it leaves both ends',
      '2026-12-19 23:00',
      '2026-12-20 01:00',
      ['Sat 2026-12-19 22:00 to Sat 2026-12-19 23:00', 'Sun 2026-12-20 01:00 to Sun 2026-12-20 02:00'],
    ],
    [
      'that ends as it opens leaves all of it',
      '2026-12-19 00:00',
      '2026-12-19 22:00',
      ['Sat 2026-12-19 22:00 to Sun 2026-12-20 02:00'],
    ],
  ])('%s', (_, from, until, expected) => {
    expect(nightWith({ from, until, because })).toEqual(expected);
  });

  it('hold where work may start at any time, too', () => {
    const question = {
      windows: 'always',
      timeZone: 'Europe/Berlin',
      fromAt: '2026-12-24T00:00:00+01:00',
      untilAt: '2026-12-26T00:00:00+01:00',
    } as const;
    expect(windowInstants({ ...question, blackouts: [] })).toHaveLength(1);
    const around = windowInstants({
      ...question,
      blackouts: [{ from: '2026-12-24 12:00', until: '2026-12-25 12:00', because }],
    });
    expect(words(around)).toEqual([
      'Thu 2026-12-24 00:00 to Thu 2026-12-24 12:00',
      'Fri 2026-12-25 12:00 to Sat 2026-12-26 00:00',
    ]);
  });
});

const rule = (opens: string) =>
  ({ words: opens, opens: readOpening(opens) ?? { every: 'once', date: '', at: '' }, lastsMinutes: 240 }) as const;

it('windows that overlap are one', () => {
  const both = windowInstants({
    windows: [rule('every Sunday, 02:00'), rule('every Saturday, 23:00')],
    blackouts: [],
    timeZone: 'Europe/Berlin',
    fromAt: '2026-12-19T00:00:00Z',
    untilAt: '2026-12-21T00:00:00Z',
  });
  expect(words(both)).toEqual(['Sat 2026-12-19 23:00 to Sun 2026-12-20 06:00']);
});

it.each([
  'every Funday, 22:00',
  'second Tuesday',
  'fifth Monday, 22:00',
  'every Sunday, 24:00',
  '2026-02-30 22:00',
  'Tuesday, 22:00',
])('"%s" is no opening', (text) => {
  expect(readOpening(text)).toBeUndefined();
});

it('an unknown zone has no windows to guess', () => {
  expect(() =>
    windowsOf('every Sunday, 02:00', 60, 'Europe/Berln', '2026-12-01T00:00:00Z', '2026-12-31T00:00:00Z'),
  ).toThrow('Europe/Berln');
});

it('an instant has another date in another zone', () => {
  const now = '2026-12-31T23:30:00Z';
  expect([civilDate(now, 'Europe/Berlin'), civilDate(now, 'America/Chicago')]).toEqual(['2027-01-01', '2026-12-31']);
  expect(wallClock(now, 'Europe/Berlin')).toBe('Fri 2027-01-01 00:30 (Europe/Berlin)');
});

describe('a blackout that a change of the clocks cuts is as long as it can be read to be', () => {
  const because = 'inventory';
  it.each([
    [
      'one that begins in the hour that is skipped',
      { from: '2026-03-29 02:30', until: '2026-03-29 12:00' },
      ['2026-03-29T00:30:00.000Z', '2026-03-29T10:00:00.000Z'],
    ],
    [
      'one that ends in the hour that is skipped',
      { from: '2026-03-28 00:00', until: '2026-03-29 02:30' },
      ['2026-03-27T23:00:00.000Z', '2026-03-29T01:30:00.000Z'],
    ],
    [
      'one that begins in the hour that comes twice begins the first time',
      { from: '2026-10-25 02:30', until: '2026-10-26 00:00' },
      ['2026-10-25T00:30:00.000Z', '2026-10-25T23:00:00.000Z'],
    ],
    [
      'one that ends in the hour that comes twice ends the second time',
      { from: '2026-10-24 00:00', until: '2026-10-25 02:30' },
      ['2026-10-23T22:00:00.000Z', '2026-10-25T01:30:00.000Z'],
    ],
  ])('%s', (_, span, expected) => {
    const [dark] = blackoutInstants({
      blackouts: [{ ...span, because }],
      timeZone: 'Europe/Berlin',
      fromAt: '2026-01-01T00:00:00Z',
    });
    expect([dark?.beginsAt, dark?.endsAt]).toEqual(expected);
  });

  it('those that are over are not told, the others in order', () => {
    const blackouts = ['2026-12-24', '2026-11-01', '2026-12-01'].map((day) => ({
      from: `${day} 00:00`,
      until: `${day} 12:00`,
      because: day,
    }));
    const told = blackoutInstants({ blackouts, timeZone: 'Europe/Berlin', fromAt: '2026-12-01T00:00:00Z' });
    expect(told.map((each) => each.because)).toEqual(['2026-12-01', '2026-12-24']);
  });
});

const zones = ['Europe/Berlin', 'America/Chicago', 'Australia/Lord_Howe', 'America/Nuuk', 'Asia/Kathmandu', 'UTC'];
const anyAt = fc
  .record({ hour: fc.nat({ max: 23 }), minute: fc.constantFrom('00', '15', '30', '45') })
  .map(({ hour, minute }) => `${String(hour).padStart(2, '0')}:${minute}`);
const days: readonly Weekday[] = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const anyOpening: fc.Arbitrary<Opening> = fc.oneof(
  fc.record({ every: fc.constant('week' as const), weekdays: fc.subarray([...days], { minLength: 1 }), at: anyAt }),
  fc.record({
    every: fc.constant('month' as const),
    nth: fc.constantFrom<1 | 2 | 3 | 4 | 'last'>(1, 2, 3, 4, 'last'),
    weekday: fc.constantFrom(...days),
    daysAfter: fc.nat({ max: 9 }),
    at: anyAt,
  }),
);
/** Around both changes of the clocks, in both hemispheres. */
const anyInstant = fc.integer({ min: Date.UTC(2026, 1, 20), max: Date.UTC(2026, 10, 15) });
const isoAt = (instant: number) => new Date(instant).toISOString();
const wallOf = (at: string, timeZone: string) =>
  wallClock(at, timeZone).slice('Sun 2026-03-29 '.length, -` (${timeZone})`.length);
const anyBlackout = fc.record({ day: anyInstant, hours: fc.integer({ min: 1, max: 72 }) }).map(({ day, hours }) => ({
  from: `${isoAt(day).slice(0, 10)} 02:30`,
  until: `${isoAt(day + hours * 3_600_000 + 86_400_000).slice(0, 10)} 02:30`,
  because: 'closed',
}));
const anyQuestion = fc
  .record({
    rules: fc.array(fc.record({ opens: anyOpening, lastsMinutes: fc.integer({ min: 15, max: 3000 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
    blackouts: fc.array(anyBlackout, { maxLength: 2 }),
    timeZone: fc.constantFrom(...zones),
    from: anyInstant,
    spanDays: fc.integer({ min: 1, max: 15 }),
  })
  .map(({ rules, from, spanDays, ...more }) => ({
    ...more,
    windows: rules.map((each) => ({ words: 'any', ...each })),
    fromAt: isoAt(from),
    untilAt: isoAt(from + spanDays * 86_400_000),
  }));

describe('of any windows, in any zone, around any change of the clocks', () => {
  it('they are in order, apart, and none is empty', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const found = windowInstants(question);
        for (const [index, { opensAt, closesAt }] of found.entries()) {
          expect(opensAt < closesAt).toBe(true);
          expect(opensAt < question.untilAt && closesAt > question.fromAt).toBe(true);
          const next = found[index + 1];
          if (next) expect(closesAt < next.opensAt || question.blackouts.length > 0).toBe(true);
          if (next) expect(closesAt <= next.opensAt).toBe(true);
        }
      }),
    );
  });

  it('none is open during a blackout', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const dark = blackoutInstants(question);
        for (const { opensAt, closesAt } of windowInstants(question))
          for (const { beginsAt, endsAt } of dark) expect(closesAt <= beginsAt || endsAt <= opensAt).toBe(true);
      }),
    );
  });

  it('an instant is inside a window or not, however much is asked for around it', () => {
    const isOpenAt = (windows: ReturnType<typeof windowInstants>, at: string) =>
      windows.some(({ opensAt, closesAt }) => opensAt <= at && at < closesAt);
    fc.assert(
      fc.property(anyQuestion, fc.double({ min: 0, max: 0.999, noNaN: true }), (question, share) => {
        const [from, until] = [Date.parse(question.fromAt), Date.parse(question.untilAt)];
        const at = Math.floor(from + share * (until - from));
        const closely = { ...question, fromAt: isoAt(at), untilAt: isoAt(at + 60_000) };
        expect(isOpenAt(windowInstants(closely), isoAt(at))).toBe(isOpenAt(windowInstants(question), isoAt(at)));
      }),
      { numRuns: 100 },
    );
  });

  it('one opens at the wall-clock time of its rule, or in the hour after the one that was skipped, and once a day', () => {
    fc.assert(
      fc.property(anyOpening, fc.constantFrom(...zones), anyInstant, (opens, timeZone, from) => {
        const windows = [{ words: 'any', opens, lastsMinutes: 10 }];
        const question = {
          windows,
          blackouts: [],
          timeZone,
          fromAt: isoAt(from),
          untilAt: isoAt(from + 60 * 86_400_000),
        };
        const found = windowInstants(question).filter(({ opensAt }) => opensAt >= question.fromAt);
        const skipped = found.filter(({ opensAt }) => wallOf(opensAt, timeZone) !== opens.at);
        expect(skipped.length).toBeLessThanOrEqual(1);
        const dates = found
          .filter((each) => !skipped.includes(each))
          .map(({ opensAt }) => civilDate(opensAt, timeZone));
        expect(new Set(dates).size).toBe(dates.length);
      }),
    );
  });

  it('less than a day of it is as long as its rule says', () => {
    fc.assert(
      fc.property(
        anyOpening,
        fc.integer({ min: 15, max: 1439 }),
        fc.constantFrom(...zones),
        anyInstant,
        (opens, lastsMinutes, timeZone, from) => {
          const rules = [
            {
              words: 'any',
              opens: { ...opens, ...(opens.every === 'week' ? { weekdays: ['Saturday' as const] } : {}) },
              lastsMinutes,
            },
          ];
          const found = windowsOfRules(rules, timeZone, from);
          expect(new Set(minutes(found))).toEqual(new Set(found.length > 0 ? [lastsMinutes] : []));
        },
      ),
    );
  });

  function windowsOfRules(windows: readonly WindowRule[], timeZone: string, from: number) {
    return windowInstants({
      windows,
      blackouts: [],
      timeZone,
      fromAt: isoAt(from),
      untilAt: isoAt(from + 40 * 86_400_000),
    });
  }
});
