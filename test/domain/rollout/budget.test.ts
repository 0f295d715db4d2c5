import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type WorkState, budgetOf, disturbanceOf } from '../../../domain/rollout/budget.ts';
import type { EndpointOutcome } from '../../../domain/endpoints/saga.ts';
import { amountOf } from '../../../domain/policies/amount.ts';

describe('the disruption budget', () => {
  it.each([
    [{ percent: 25 }, 3, 1],
    [{ percent: 25 }, 4, 1],
    [{ percent: 25 }, 5, 2],
    [{ percent: 7 }, 100, 7],
    [{ percent: 100 }, 3, 3],
    [{ percent: 1 }, 0, 0],
    [{ count: 2 }, 1, 2],
  ])('%j of %i endpoints is %i', (amount, size, expected) => {
    expect(amountOf(amount, size)).toBe(expected);
  });

  it('of the site and of the policy, the smaller one counts', () => {
    expect(budgetOf({ site: { count: 1 }, policy: { percent: 50 }, siteSize: 10 })).toBe(1);
    expect(budgetOf({ site: { count: 9 }, policy: { percent: 50 }, siteSize: 10 })).toBe(5);
    expect(budgetOf({ site: null, policy: { percent: 50 }, siteSize: 10 })).toBe(5);
  });
});

it('of any amount and any site, a share lets at least one be patched, and never more than the site has', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      fc.integer({ min: 1, max: 20_000 }),
      (percent, size) => {
        const amount = amountOf({ percent }, size);
        expect(amount).toBeGreaterThanOrEqual(1);
        expect(amount).toBeLessThanOrEqual(size);
        // Rounded up, and by less than one endpoint.
        expect(amount).toBeGreaterThan((percent * size) / 100 - 1e-6);
        expect(amount).toBeLessThan((percent * size) / 100 + 1);
      },
    ),
  );
});

describe('what uses the budget', () => {
  const work = (state: string, more: Partial<WorkState> = {}): WorkState => ({
    state,
    outcome: null,
    cycleIsOpen: true,
    clearedSince: false,
    ...more,
  });
  const ended = (outcome: EndpointOutcome, more: Partial<WorkState> = {}) => work('ended', { outcome, ...more });
  it.each([
    ['one that was admitted: it starts any moment', work('admitted'), 'in flight'],
    ['one that is worked on', work('in flight'), 'in flight'],
    ['one that is rolled back by order', work('rolling back'), 'in flight'],
    ['one that nobody knows', work('unknown'), 'unknown'],
    ['one that nobody knows, of a closed cycle', work('unknown', { cycleIsOpen: false }), 'unknown'],
    ['one that was rolled back, while its cycle is open', ended('rolled_back'), 'failed'],
    ['one that was rolled back before: it works as it did', ended('rolled_back', { cycleIsOpen: false }), null],
    ['one in quarantine, whenever that was', ended('quarantined', { cycleIsOpen: false }), 'failed'],
    ['one in quarantine that was proven to work since', ended('quarantined', { clearedSince: true }), null],
    ['one that waits', work('waiting'), null],
    ['one whose turn has not come', work('planned'), null],
    ['one that was patched', ended('patched'), null],
    ['one that had nothing due', ended('unchanged'), null],
    ['one that was skipped', ended('skipped'), null],
    ['one that was superseded', ended('superseded'), null],
  ])('%s', (_, state, expected) => {
    expect(disturbanceOf(state)).toBe(expected);
  });
});
