import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DurationSample,
  type PatchSetKind,
  defaultExpectation,
  expectDuration,
  kindOf,
  restoreMinutes,
  unplannedExpectation,
} from '../../../domain/rollout/expected-duration.ts';

const kind: PatchSetKind = 'small with reboot';
const mebibyte = 2 ** 20;
const patches = (count: number, name = 'curl', mebibytes = 1) =>
  Array.from({ length: count }, () => ({ package: name, sizeBytes: mebibytes * mebibyte }));

function sample(minutes: number, more: Partial<DurationSample> = {}): DurationSample {
  return { endpointId: 'web-1', kind, outcome: 'patched', minutes, minutesFromInstall: minutes - 2, ...more };
}
const samples = (lengths: readonly number[], more: Partial<DurationSample> = {}) =>
  lengths.map((minutes) => sample(minutes, more));
const expected = (all: readonly DurationSample[]) => expectDuration({ endpointId: 'web-1', kind, samples: all });

describe('kinds of patch sets', () => {
  it.each([
    ['nothing at all', [], 'if required', 'small without reboot'],
    ['a few', patches(10), 'if required', 'small without reboot'],
    ['one more than a few', patches(11), 'if required', 'medium without reboot'],
    ['a few that are big', patches(3, 'firefox-esr', 60), 'if required', 'medium without reboot'],
    ['very many', patches(61), 'if required', 'large without reboot'],
    ['a kernel', patches(1, 'linux-image-6.1.0-44-amd64'), 'if required', 'small with reboot'],
    ['the C library', patches(1, 'libc6'), 'if required', 'small with reboot'],
    ['the C library, where the policy never reboots', patches(1, 'libc6'), 'never', 'small without reboot'],
    ['anything, where the policy always reboots', patches(1), 'always', 'small with reboot'],
  ] as const)('%s', (_, set, reboot, name) => {
    expect(kindOf({ patches: set, reboot })).toBe(name);
  });
});

describe('where nothing has been learned the stated default holds', () => {
  it.each([
    ['small without reboot', 11, 8],
    ['small with reboot', 15, 12],
    ['medium with reboot', 18, 15],
    ['large with reboot', 30, 27],
  ] as const)('%s: %i minutes, %i of them from the install on', (named, minutes, minutesFromInstall) => {
    expect(defaultExpectation(named)).toMatchObject({ minutes, minutesFromInstall });
  });

  it('what is not planned yet may be anything: the longest of them', () => {
    expect(unplannedExpectation.minutes).toBe(30);
  });

  it('eight outcomes are too few, and one that was slower counts all the same', () => {
    expect(expected(samples([1, 1, 1, 1, 1, 1, 1, 1]))).toEqual(defaultExpectation(kind));
    expect(expected(samples([1, 1, 1, 1, 1, 1, 1, 40]))).toMatchObject({ minutes: 40 + restoreMinutes });
  });
});

describe('what was learned', () => {
  it.each([
    ['of nine the slowest', [1, 2, 3, 4, 5, 6, 7, 8, 9], 9 + restoreMinutes],
    [
      'of nineteen the second slowest: one outlier changes nothing',
      [...Array<number>(18).fill(4), 600],
      4 + restoreMinutes,
    ],
    [
      'of forty at most: older ones tell of older hardware',
      [...Array<number>(40).fill(2), ...Array<number>(60).fill(50)],
      2 + restoreMinutes,
    ],
  ])('%s', (_, lengths, minutes) => {
    expect(expected(samples(lengths)).minutes).toBe(minutes);
  });

  it('a restore that happened is in the length already', () => {
    expect(expected(samples(Array<number>(9).fill(7), { outcome: 'rolled_back' })).minutes).toBe(7);
  });

  it('what comes from the install on is learned by itself, and from all of it where it was not recorded', () => {
    expect(expected(samples(Array<number>(9).fill(10))).minutesFromInstall).toBe(8 + restoreMinutes);
    const whole = samples(Array<number>(9).fill(10), { minutesFromInstall: null });
    expect(expected(whole).minutesFromInstall).toBe(10 + restoreMinutes);
  });

  it('with too few of its own the other endpoints are asked, and never for less than its own slowest', () => {
    const others = samples(Array<number>(20).fill(3), { endpointId: 'web-2' });
    expect(expected(others).minutes).toBe(3 + restoreMinutes);
    expect(expected([...samples([25]), ...others]).minutes).toBe(25 + restoreMinutes);
  });

  it('other kinds of patch sets teach nothing', () => {
    expect(expected(samples(Array<number>(20).fill(90), { kind: 'large with reboot' }))).toEqual(
      defaultExpectation(kind),
    );
  });

  it('it says what it was learned from', () => {
    expect(expected(samples(Array<number>(9).fill(10))).because).toBe(
      '15 minutes, as 9 in 10 of its last 9 of a set small with reboot, a possible restore included',
    );
  });
});

const lengths = fc.array(fc.double({ min: 0.1, max: 500, noNaN: true }), { minLength: 9, maxLength: 40 });

describe('of any earlier lengths', () => {
  it('at least nine in ten of them would have fitted, a restore included', () => {
    fc.assert(
      fc.property(lengths, (all) => {
        const { minutes } = expected(samples(all));
        const fitting = all.filter((each) => each + restoreMinutes <= minutes).length;
        expect(fitting).toBeGreaterThanOrEqual(all.length * 0.9);
      }),
    );
  });

  it('the next of the same distribution fits with a probability of nine in ten', () => {
    // Exchangeable: each of n + 1 lengths is the last one in turn. No more than one in ten of them may be too long.
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { minLength: 10, maxLength: 41 }), (all) => {
        const tooLong = all.filter((last) => {
          const { minutes } = expected(samples(all.filter((each) => each !== last)));
          return last + restoreMinutes > minutes;
        });
        expect(tooLong.length * 10).toBeLessThanOrEqual(all.length);
      }),
    );
  });

  it('a slower outcome never makes it expect less', () => {
    fc.assert(
      fc.property(lengths, fc.nat(), fc.double({ min: 0, max: 100, noNaN: true }), (all, at, more) => {
        const slower = all.map((each, index) => (index === at % all.length ? each + more : each));
        expect(expected(samples(slower)).minutes).toBeGreaterThanOrEqual(expected(samples(all)).minutes);
      }),
    );
  });

  it('what is left from the install on is never more than all of it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ minutes: fc.integer({ min: 3, max: 500 }), own: fc.boolean() }), { maxLength: 60 }),
        (all) => {
          const found = expected(
            all.map(({ minutes, own }) => sample(minutes, { endpointId: own ? 'web-1' : 'web-2' })),
          );
          expect(found.minutesFromInstall).toBeLessThanOrEqual(found.minutes);
          expect(found.minutesFromInstall).toBeGreaterThanOrEqual(restoreMinutes);
        },
      ),
    );
  });
});
