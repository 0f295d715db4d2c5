import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brokenAtMost, brokenShareAtMost, chanceToPass, chanceToPassOf } from '../../../domain/rollout/sampling.ts';

describe('what a ring misses', () => {
  it.each([
    ['one endpoint misses what breaks every tenth nine times in ten', 1, 0, 0.1, 0.9],
    ['ten miss it with 0.9 to the tenth', 10, 0, 0.1, 0.3487],
    ['twenty-nine are needed to miss it less than once in twenty', 29, 0, 0.1, 0.0471],
    ['one failure that is allowed makes ten as blind as four', 10, 1, 0.1, 0.7361],
    ['what breaks everything is never missed', 1, 0, 1, 0],
    ['what breaks nothing always passes', 5, 0, 0, 1],
    ['a ring that may lose all of its endpoints lets everything pass', 3, 3, 0.9, 1],
    ['an empty ring lets everything pass', 0, 0, 1, 1],
  ])('%s', (_, tried, failuresAtMost, brokenShare, chance) => {
    expect(chanceToPass({ tried, failuresAtMost, brokenShare })).toBeCloseTo(chance, 4);
  });

  it.each([
    ['one of two, one of which would break', 2, 1, 1, 0, 0.5],
    ['all of the record', 10, 1, 10, 0, 0],
    ['three of ten, two of which would break: C(8,3) of C(10,3)', 10, 2, 3, 0, 56 / 120],
    ['the same with one failure allowed', 10, 2, 3, 1, 112 / 120],
    ['nothing would break', 10, 0, 3, 0, 1],
  ])('of a record: %s', (_, endpoints, broken, tried, failuresAtMost, chance) => {
    expect(chanceToPassOf({ endpoints, broken, tried, failuresAtMost })).toBeCloseTo(chance, 10);
  });
});

describe('what a ring shows', () => {
  it.each([
    // Clopper and Pearson, one-sided 95 %: 1 - 0.05^(1/n) without failures.
    ['one verified endpoint shows next to nothing', 1, 0, 0.95],
    ['ten without a failure', 10, 0, 0.2589],
    ['a hundred without a failure: the rule of three says 3 %', 100, 0, 0.0295],
    ['ten with one failure', 10, 1, 0.3942],
    ['nothing tried shows nothing', 0, 0, 1],
    ['all failed', 3, 3, 1],
  ])('%s', (_, tried, failed, share) => {
    expect(brokenShareAtMost({ tried, failed })).toBeCloseTo(share, 4);
  });

  it.each([
    ['nobody tried: all may break', 10, 0, 0, 10],
    ['all tried and well: none', 10, 10, 0, 0],
    ['one of ten tried', 10, 1, 0, 9],
    ['half of twenty tried', 20, 10, 0, 3],
    ['half of twenty tried, one failed', 20, 10, 1, 6],
  ])('of a record: %s', (_, endpoints, tried, failed, broken) => {
    expect(brokenAtMost({ endpoints, tried, failed })).toBe(broken);
  });
});

describe('of any ring', () => {
  const ring = fc
    .record({ endpoints: fc.integer({ min: 1, max: 300 }), triedShare: fc.double({ min: 0, max: 1, noNaN: true }) })
    .map(({ endpoints, triedShare }) => ({ endpoints, tried: Math.round(endpoints * triedShare) }));

  it('more tried never lets a version pass more easily, and the record says no less than a fleet without end', () => {
    fc.assert(
      fc.property(ring, fc.nat({ max: 300 }), fc.nat({ max: 3 }), ({ endpoints, tried }, any, failuresAtMost) => {
        const broken = any % (endpoints + 1);
        const chance = (n: number) => chanceToPassOf({ endpoints, broken, tried: n, failuresAtMost });
        expect(chance(tried)).toBeGreaterThanOrEqual(0);
        expect(chance(tried)).toBeLessThanOrEqual(1);
        if (tried < endpoints) expect(chance(tried + 1)).toBeLessThanOrEqual(chance(tried) + 1e-9);
        // Drawn without putting back, nobody is tried twice: with no failure allowed, less is missed.
        const endless = chanceToPass({ tried, failuresAtMost: 0, brokenShare: broken / endpoints });
        expect(chanceToPassOf({ endpoints, broken, tried, failuresAtMost: 0 })).toBeLessThanOrEqual(endless + 1e-9);
      }),
    );
  });

  it('the limit is where the chance to pass crosses one in twenty', () => {
    fc.assert(
      fc.property(ring, fc.nat({ max: 5 }), ({ endpoints, tried }, some) => {
        const failed = Math.min(some, tried);
        const broken = brokenAtMost({ endpoints, tried, failed });
        const chance = (d: number) => chanceToPassOf({ endpoints, broken: d, tried, failuresAtMost: failed });
        expect(chance(broken)).toBeGreaterThan(0.05);
        if (broken < endpoints - tried + failed) expect(chance(broken + 1)).toBeLessThanOrEqual(0.05);
        const share = brokenShareAtMost({ tried, failed });
        if (failed < tried)
          expect(chanceToPass({ tried, failuresAtMost: failed, brokenShare: share })).toBeCloseTo(0.05, 6);
      }),
    );
  });
});
