import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AdmissionCandidate, AdmissionQuestion } from '../../domain/admission.ts';
import { admit } from '../../domain/admission.ts';
import { amountOf, budgetOf } from '../../domain/budget.ts';
import type { Criticality } from '../../domain/policy.ts';

const now = '2026-12-09T21:30:00.000Z';
const open = [
  { opensAt: '2026-12-09T21:00:00.000Z', closesAt: '2026-12-10T01:00:00.000Z', words: 'Wed 22:00 to Thu 02:00' },
];
const later = [
  { opensAt: '2026-12-13T01:00:00.000Z', closesAt: '2026-12-13T04:00:00.000Z', words: 'Sun 02:00 to 05:00' },
];

function candidate(endpointId: string, more: Partial<AdmissionCandidate> = {}): AdmissionCandidate {
  return {
    endpointId,
    online: true,
    windows: open,
    criticality: 'low',
    redundancyGroup: null,
    expectedMinutes: 15,
    ...more,
  };
}
function ask(candidates: readonly AdmissionCandidate[], more: Partial<AdmissionQuestion> = {}): AdmissionQuestion {
  return { now, candidates, inFlight: [], failedOrUnknown: [], siteBudget: 2, siteSize: 4, halted: null, ...more };
}
const started = (question: AdmissionQuestion) => admit(question).start.map(({ endpointId }) => endpointId);
const waitOf = (question: AdmissionQuestion) => admit(question).waiting[0];

describe('admission', () => {
  it('starts as many as the budget allows, less critical ones first, the rest waits for the budget', () => {
    const question = ask([
      candidate('a', { criticality: 'high' }),
      candidate('b'),
      candidate('c', { criticality: 'medium' }),
    ]);
    expect(started(question)).toEqual(['b', 'c']);
    expect(waitOf(question)).toMatchObject({ endpointId: 'a', waitingFor: 'budget', lookAgainAt: null });
    expect(waitOf(question)?.because[0]).toContain('2 of 2 endpoints that may be disturbed together');
  });

  it.each<[string, Partial<AdmissionCandidate>, Partial<AdmissionQuestion>, string, string | null]>([
    ['a halt stops every start', {}, { halted: 'lee: bad patch' }, 'halt', null],
    ['who is off waits until it answers', { online: false }, {}, 'offline', null],
    ['who may be off waits too', { online: null }, {}, 'offline', null],
    ['outside its window it waits for the next one', { windows: later }, {}, 'window', '2026-12-13T01:00:00.000Z'],
    [
      'a window too short for the work is not open for it',
      { windows: [...open, ...later], expectedMinutes: 211 },
      {},
      'window',
      null,
    ],
    [
      'what is in flight uses the budget',
      {},
      { inFlight: [{ endpointId: 'x', redundancyGroup: null }], siteBudget: 1 },
      'budget',
      null,
    ],
    [
      'what failed or is unknown uses it',
      {},
      { failedOrUnknown: [{ endpointId: 'x', redundancyGroup: null }], siteBudget: 1 },
      'budget',
      null,
    ],
    [
      'its stand-in is in flight',
      { redundancyGroup: 'g' },
      { inFlight: [{ endpointId: 'x', redundancyGroup: 'g' }] },
      'budget',
      null,
    ],
    [
      'its stand-in has failed',
      { redundancyGroup: 'g' },
      { failedOrUnknown: [{ endpointId: 'x', redundancyGroup: 'g' }] },
      'budget',
      null,
    ],
    ['it is in flight already', {}, { inFlight: [{ endpointId: 'a', redundancyGroup: null }] }, 'budget', null],
  ])('%s', (_, own, more, waitingFor, lookAgainAt) => {
    const question = ask([candidate('a', own)], more);
    expect(started(question)).toEqual([]);
    expect(waitOf(question)).toMatchObject({ waitingFor, lookAgainAt });
    expect(waitOf(question)?.because[0]?.length).toBeGreaterThan(10);
  });

  it('work that just fits into what is left of the window starts', () => {
    expect(started(ask([candidate('a', { expectedMinutes: 210 })]))).toEqual(['a']);
    expect(started(ask([candidate('a', { expectedMinutes: 210.1 })]))).toEqual([]);
  });

  it('an endpoint that is off and has not started uses no budget', () => {
    expect(started(ask([candidate('a', { online: false }), candidate('b')], { siteBudget: 1 }))).toEqual(['b']);
  });

  it('of any candidates, the budget holds, groups are never together, and everybody is answered once', () => {
    const any = fc.array(
      fc.record({
        online: fc.constantFrom(true, true, false, null),
        windows: fc.constantFrom(open, open, later, []),
        criticality: fc.constantFrom<Criticality>('low', 'medium', 'high'),
        redundancyGroup: fc.constantFrom(null, 'g', 'h'),
        expectedMinutes: fc.constantFrom(15, 300),
      }),
      { maxLength: 12 },
    );
    const busy = fc.array(fc.constantFrom(null, 'g'), { maxLength: 3 });
    fc.assert(
      fc.property(
        any,
        busy,
        busy,
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (all, flying, failed, siteBudget, halted) => {
          const candidates = all.map((each, index) => ({ endpointId: `e${index}`, ...each }));
          const inFlight = flying.map((redundancyGroup, index) => ({ endpointId: `f${index}`, redundancyGroup }));
          const failedOrUnknown = failed.map((redundancyGroup, index) => ({
            endpointId: `q${index}`,
            redundancyGroup,
          }));
          const question = ask(candidates, { inFlight, failedOrUnknown, siteBudget, halted: halted ? 'halted' : null });
          const { start, waiting } = admit(question);
          const answered = [...start, ...waiting].map(({ endpointId }) => endpointId);
          expect(answered.toSorted()).toEqual(candidates.map(({ endpointId }) => endpointId).toSorted());
          const begun = candidates.filter(({ endpointId }) => start.some((each) => each.endpointId === endpointId));
          if (begun.length > 0)
            expect(begun.length + inFlight.length + failedOrUnknown.length).toBeLessThanOrEqual(siteBudget);
          if (halted) expect(begun).toEqual([]);
          expect(
            begun.every(({ online, windows, expectedMinutes }) => online && windows === open && expectedMinutes === 15),
          ).toBe(true);
          for (const group of ['g', 'h']) {
            const others = [...inFlight, ...failedOrUnknown].filter(
              ({ redundancyGroup }) => redundancyGroup === group,
            ).length;
            const mine = begun.filter(({ redundancyGroup }) => redundancyGroup === group).length;
            expect(mine).toBeLessThanOrEqual(others > 0 ? 0 : 1);
          }
        },
      ),
    );
  });
});

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
