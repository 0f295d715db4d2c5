/**
 * How an operator writes lengths of time, amounts, days and windows, each read into plain numbers with units.
 * Every refusal says what was written and what to write instead.
 */
import { DateTime, IANAZone } from 'luxon';
import { z } from 'zod';
import type { ChangeApproval, Opening, Weekday } from '../../domain/policies/policy.ts';
import { rangeProblem } from '../../domain/versions.ts';
import { quote } from './entries.ts';
import type { Amount } from '../../domain/policies/amount.ts';

/** A text (or a whole number) that `read` understands; `write` is an example for who got it wrong. */
function written<T>(what: string, write: string, read: (text: string) => T | undefined) {
  return z.unknown().transform((value, context): T => {
    const text = Number.isInteger(value) ? String(value) : value;
    const result = typeof text === 'string' ? read(text.trim()) : undefined;
    if (result !== undefined) return result;
    const message =
      value === undefined ? `is missing; write ${write}` : `${quote(value)} is not ${what}; write ${write}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

const unitMinutes: Readonly<Record<string, number>> = { second: 1 / 60, minute: 1, hour: 60, day: 1440, week: 10_080 };

function readDuration(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) (second|minute|hour|day|week)s?$/.exec(text) ?? [];
  const minutes = unitMinutes[unit ?? ''];
  return minutes === undefined ? undefined : Number(number) * minutes;
}

export const durationMinutes = written('a length of time', '10 seconds, 30 minutes, 4 hours or 7 days', readDuration);
export const durationDays = durationMinutes.transform((minutes) => minutes / 1440);

/** `3`, `20%`, and of a budget `25% of site`. */
function readAmount(text: string): Amount | undefined {
  const [, percent] = /^(\d+(?:\.\d+)?)%(?: of site)?$/.exec(text) ?? [];
  if (percent !== undefined)
    return Number(percent) > 0 && Number(percent) <= 100 ? { percent: Number(percent) } : undefined;
  const [, count] = /^([1-9]\d*)(?: of site)?$/.exec(text) ?? [];
  return count === undefined ? undefined : { count: Number(count) };
}

export const amount = written('an amount', '25% of site or 2 (at least 1, at most 100%)', readAmount);
export const take = written(
  'something a ring can take',
  '20%, 3 or rest (at least 1, at most 100%)',
  (text): Amount | 'rest' | undefined => (text === 'rest' ? text : readAmount(text)),
);
export const percentage = written('a share', '5%', (text) => {
  const [, number] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  return number !== undefined && Number(number) <= 100 ? Number(number) : undefined;
});
export const verifiedAtLeast = written('a number of verified endpoints', '1 verified (at least 1)', (text) => {
  const [, number] = /^([1-9]\d*)(?: verified)?$/.exec(text) ?? [];
  return number === undefined ? undefined : Number(number);
});

/** `at once` or `7 days after release`, in minutes after release. */
export const delayMinutes = written('a time to approve at', 'at once or 7 days after release', (text) => {
  if (text === 'at once') return 0;
  return text.endsWith(' after release') ? readDuration(text.slice(0, -' after release'.length)) : undefined;
});

const numberWords: Readonly<Record<string, number>> = { one: 1, two: 2, three: 3, four: 4, five: 5 };

export const changeApproval = written(
  'an approval',
  'none, one person within 30 minutes, or 2 people within 2 days',
  (text): ChangeApproval | null | undefined => {
    if (text === 'none') return null;
    const [, number = '', within = ''] = /^(\w+) (?:person|persons|people) within (.+)$/.exec(text) ?? [];
    const [persons, withinMinutes] = [numberWords[number] ?? Number(number), readDuration(within)];
    return Number.isInteger(persons) && persons > 0 && withinMinutes ? { persons, withinMinutes } : undefined;
  },
);

function isDate(text: string): boolean {
  return DateTime.fromFormat(text, 'yyyy-MM-dd', { zone: 'utc' }).isValid;
}

export const civilDay = written('a day', '2027-01-31', (text) => (isDate(text) ? text : undefined));

function readCivilTime(text: string, daysOn: number): string | undefined {
  if (DateTime.fromFormat(text, 'yyyy-MM-dd HH:mm', { zone: 'utc' }).isValid) return text;
  const day = DateTime.fromFormat(text, 'yyyy-MM-dd', { zone: 'utc' });
  return day.isValid ? day.plus({ days: daysOn }).toFormat('yyyy-MM-dd HH:mm') : undefined;
}

const civilTimeExample = '2026-12-24 or 2026-12-24 18:00';
export const civilFrom = written('a day or a time', civilTimeExample, (text) => readCivilTime(text, 0));
/** A day alone is meant whole: the first minute after it. */
export const civilUntil = written('a day or a time', civilTimeExample, (text) => readCivilTime(text, 1));

export const timeZone = written('an IANA time zone', 'Europe/Berlin', (text) =>
  text.includes('/') && IANAZone.isValidZone(text) ? text : text === 'UTC' ? text : undefined,
);

/** A version of an operating system: exact or a range. A number with a dot would lose its zeros in YAML. */
export const versionOrRange = written('a version', '12, "22.04" (in quotes) or "<= 11"', (text) =>
  /^[0-9]/.test(text) || rangeProblem(text) === null ? text : undefined,
);
export const versionRange = written(
  'a range of versions',
  '">= 1.24", "<< 2", "= 1.0", or several: ">= 1.24, << 2"',
  (text) => (rangeProblem(text) === null ? text : undefined),
);

const weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const;
const groups: Readonly<Record<string, readonly Weekday[]>> = {
  'every day': weekdays,
  weekdays: weekdays.slice(0, 5),
  weekends: weekdays.slice(5),
};
const ordinals = { first: 1, second: 2, third: 3, fourth: 4, last: 'last' } as const;

/** `every Sunday, 02:00`, `weekdays, 22:00`, `day after second Tuesday, 22:00`, `last Friday, 23:00`, `2026-12-01 22:00`. */
export function readOpening(text: string): Opening | undefined {
  const [, day = '', at = ''] = /^(.+?),? ((?:[01]\d|2[0-3]):[0-5]\d)$/.exec(text) ?? [];
  if (isDate(day)) return { every: 'once', date: day, at };
  const inWeek = groups[day] ?? readWeekdays(day);
  if (inWeek) return { every: 'week', weekdays: inWeek, at };
  const [, after, nth, name] = /^(?:(day|\d+ days) after )?(first|second|third|fourth|last) (\w+)$/.exec(day) ?? [];
  const weekday = weekdays.find((each) => each === name);
  const ordinal = Object.entries(ordinals).find(([word]) => word === nth)?.[1];
  if (!weekday || !ordinal) return undefined;
  const daysAfter = after === undefined ? 0 : after === 'day' ? 1 : Number.parseInt(after, 10);
  return { every: 'month', nth: ordinal, weekday, daysAfter, at };
}

function readWeekdays(text: string): readonly Weekday[] | undefined {
  if (!text.startsWith('every ')) return undefined;
  const names = text.slice('every '.length).split(/, | and /);
  const found = weekdays.filter((weekday) => names.includes(weekday));
  return found.length === names.length ? found : undefined;
}

/** The opening and the operator's own words for it. */
export const opening = written(
  'an opening',
  '"every Sunday, 02:00", "weekdays, 22:00", "day after second Tuesday, 22:00", "last Friday, 23:00" or "2026-12-01 22:00"',
  (text) => {
    const opens = readOpening(text);
    return opens && { opens, words: text };
  },
);
