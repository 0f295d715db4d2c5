import { describe, expect, it } from 'vitest';
import { defaultExpectation } from '../../../domain/rollout/expected-duration.ts';
import { type WaitQuestion, type WindowQuestion, waitInWords, windowState } from '../../../domain/rollout/waiting.ts';

const night = (day: number, words = `night ${day}`) => ({
  opensAt: `2026-12-${String(day).padStart(2, '0')}T21:00:00.000Z`,
  closesAt: `2026-12-${String(day + 1).padStart(2, '0')}T01:00:00.000Z`,
  words,
});
const stocktaking = {
  beginsAt: '2026-12-10T00:00:00.000Z',
  endsAt: '2026-12-15T00:00:00.000Z',
  because: 'stocktaking',
  words: 'Thu 2026-12-10 to Tue 2026-12-15',
};
const horizonAt = '2027-12-09T00:00:00.000Z';
const question = (now: string, more: Partial<WindowQuestion> = {}): WindowQuestion => {
  const windows = [night(9), night(16)];
  return { now, windows, asStated: windows, blackouts: [], horizonAt, ...more };
};

describe('how a window stands', () => {
  it('open: for how long, and until when', () => {
    expect(windowState(question('2026-12-09T22:00:00.000Z'))).toEqual({
      state: 'open',
      opensAt: '2026-12-09T21:00:00.000Z',
      closesAt: '2026-12-10T01:00:00.000Z',
      because: ['open for another 3 hours: night 9'],
    });
  });

  it('shut: in how long the next one opens', () => {
    expect(windowState(question('2026-12-09T17:40:00.000Z'))).toMatchObject({
      state: 'shut',
      opensAt: '2026-12-09T21:00:00.000Z',
      because: ['opens in 3 hours 20 minutes: night 9'],
    });
  });

  it('a moment before it opens it is not said to open in no time', () => {
    expect(windowState(question('2026-12-09T20:59:59.000Z')).because).toEqual(['opens in 1 minute: night 9']);
  });

  it('open at any time, with no end', () => {
    const windows = [{ opensAt: '2026-12-09T00:00:00.000Z', closesAt: horizonAt, words: 'any' }];
    expect(windowState(question('2026-12-09T22:00:00.000Z', { windows }))).toMatchObject({
      state: 'open',
      closesAt: null,
      because: ['open at any time'],
    });
  });

  it('shut by a blackout: why, for how long, and what opens after it', () => {
    const during = question('2026-12-11T00:00:00.000Z', { blackouts: [stocktaking] });
    expect(windowState(during)).toMatchObject({
      state: 'blackout',
      opensAt: '2026-12-16T21:00:00.000Z',
      because: [
        'blackout Thu 2026-12-10 to Tue 2026-12-15, for another 4 days: stocktaking',
        'opens in 5 days 21 hours: night 16',
      ],
    });
  });

  it('names the windows that a blackout takes away before the next one opens', () => {
    const asStated = [night(9), night(12), night(16)];
    const before = question('2026-12-10T02:00:00.000Z', {
      windows: [night(16)],
      asStated,
      blackouts: [{ ...stocktaking, beginsAt: '2026-12-12T00:00:00.000Z' }],
    });
    expect(windowState(before)).toMatchObject({
      state: 'shut',
      because: ['opens in 6 days 19 hours: night 16', 'the window night 12 falls into a blackout: stocktaking'],
    });
  });

  it('never: how far it was looked for', () => {
    expect(windowState(question('2026-12-20T00:00:00.000Z'))).toEqual({
      state: 'never',
      opensAt: null,
      closesAt: null,
      because: ['no window opens within 354 days'],
    });
  });
});

describe('what an endpoint waits for', () => {
  const wait = (more: Partial<WaitQuestion> = {}): WaitQuestion => ({
    now: '2026-12-09T17:40:00.000Z',
    windows: [night(9, 'Wed 22:00 to Thu 02:00 (Europe/Berlin)')],
    expectation: defaultExpectation('small with reboot'),
    halted: null,
    deadlineAt: '2026-12-20T17:40:00.000Z',
    escalatedAt: null,
    onWall: (at) => `${at.slice(0, 10)} (Europe/Berlin)`,
    ...more,
  });

  it('is said with the window, the expected duration and the deadline', () => {
    expect(waitInWords(wait())).toEqual([
      'no window is open; the next one is Wed 22:00 to Thu 02:00 (Europe/Berlin), in 3 hours 20 minutes',
      'expected to take 15 minutes by default for a set small with reboot',
      'its deadline is 2026-12-20 (Europe/Berlin), in 11 days; then a person is told',
    ]);
  });

  it.each<[string, Partial<WaitQuestion>, string]>([
    ['a halt comes first', { halted: ['halted by lee: the phones are down'] }, 'halted by lee: the phones are down'],
    [
      'a deadline that passed',
      { deadlineAt: '2026-12-09T00:00:00.000Z' },
      'its deadline is 2026-12-09 (Europe/Berlin), which has passed; then a person is told',
    ],
    [
      'a person who was told',
      { escalatedAt: '2026-12-20T17:41:00.000Z' },
      'not done by its deadline; a person was told on 2026-12-20 (Europe/Berlin)',
    ],
  ])('%s', (_, more, line) => {
    expect(waitInWords(wait(more))).toContain(line);
  });
});
