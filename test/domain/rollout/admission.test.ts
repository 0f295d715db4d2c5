import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  AdmissionCandidate,
  AdmissionQuestion,
  Disturbed,
  EmergencyClaim,
} from '../../../domain/rollout/admission.ts';
import { admit, judgeInstallStart, lookAgainInSeconds } from '../../../domain/rollout/admission.ts';
import type { Criticality } from '../../../domain/policies/policy.ts';

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
    halted: null,
    ...more,
  };
}
function disturbed(endpointId: string, more: Partial<Disturbed> = {}): Disturbed {
  return { endpointId, redundancyGroup: null, disturbance: 'in flight', atSite: true, ...more };
}
function emergency(endpointId: string, more: Partial<EmergencyClaim> = {}): EmergencyClaim {
  const { windows, redundancyGroup, expectedMinutes, halted } = candidate(endpointId);
  const cycleId = 'emergency/acme/CVE-2026-12345';
  return { endpointId, cycleId, windows, redundancyGroup, expectedMinutes, halted, deadlineAt: null, ...more };
}
function ask(candidates: readonly AdmissionCandidate[], more: Partial<AdmissionQuestion> = {}): AdmissionQuestion {
  return { now, candidates, disturbed: [], emergencies: [], siteBudget: 2, siteSize: 4, ...more };
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
    expect(waitOf(question)).toMatchObject({ endpointId: 'a', waitingFor: 'budget', lookAgainAt: null, passes: true });
    expect(waitOf(question)?.because[0]).toContain('2 of 2 endpoints that may be disturbed together');
  });

  type Case = [string, Partial<AdmissionCandidate>, Partial<AdmissionQuestion>, object];
  it.each<Case>([
    [
      'a halt stops every start',
      { halted: ['lee: bad patch'] },
      {},
      { waitingFor: 'halt', because: ['lee: bad patch'] },
    ],
    ['who is off waits until it answers', { online: false }, {}, { waitingFor: 'offline' }],
    ['who may be off waits too', { online: null }, {}, { waitingFor: 'offline' }],
    [
      'outside its window it waits for the next one',
      { windows: later },
      {},
      { waitingFor: 'window', lookAgainAt: '2026-12-13T01:00:00.000Z' },
    ],
    [
      'a window too short for the work is not open for it',
      { windows: [...open, ...later], expectedMinutes: 211 },
      {},
      { waitingFor: 'window', lookAgainAt: null },
    ],
    [
      'what is in flight uses the budget, and passes',
      {},
      { disturbed: [disturbed('x')], siteBudget: 1 },
      { waitingFor: 'budget', passes: true },
    ],
    [
      'what failed uses it until a person mends it',
      {},
      { disturbed: [disturbed('x', { disturbance: 'failed' })], siteBudget: 1 },
      { waitingFor: 'budget', passes: false },
    ],
    [
      'what nobody knows uses it until a person has looked',
      {},
      { disturbed: [disturbed('x', { disturbance: 'unknown' })], siteBudget: 1 },
      { waitingFor: 'budget', passes: false },
    ],
    [
      'its stand-in is in flight',
      { redundancyGroup: 'g' },
      { disturbed: [disturbed('x', { redundancyGroup: 'g' })] },
      { waitingFor: 'budget', passes: true },
    ],
    [
      'its stand-in at another site is in flight',
      { redundancyGroup: 'g' },
      { disturbed: [disturbed('x', { redundancyGroup: 'g', atSite: false })] },
      { waitingFor: 'budget', passes: true },
    ],
    [
      'its stand-in has failed',
      { redundancyGroup: 'g' },
      { disturbed: [disturbed('x', { redundancyGroup: 'g', disturbance: 'failed' })] },
      { waitingFor: 'budget', passes: false },
    ],
    [
      'another cycle is at work on it',
      {},
      { disturbed: [disturbed('a')] },
      { waitingFor: 'budget', because: ['a is in flight already'], passes: true },
    ],
    [
      'nobody knows how another cycle left it',
      {},
      { disturbed: [disturbed('a', { disturbance: 'unknown' })] },
      { waitingFor: 'budget', passes: false },
    ],
    [
      'an emergency waits for the same site',
      {},
      { emergencies: [emergency('e')] },
      {
        waitingFor: 'budget',
        because: ['emergency/acme/CVE-2026-12345 goes first at its site: e waits'],
        passes: true,
      },
    ],
  ])('%s', (_, own, more, expected) => {
    const question = ask([candidate('a', own)], more);
    expect(started(question)).toEqual([]);
    expect(waitOf(question)).toMatchObject(expected);
    expect(waitOf(question)?.because[0]?.length).toBeGreaterThan(10);
  });

  it.each<Case>([
    ['work that just fits into what is left of the window', { expectedMinutes: 210 }, {}, {}],
    [
      'what failed before is tried again in its own place',
      {},
      { disturbed: [disturbed('a', { disturbance: 'failed' })], siteBudget: 1 },
      {},
    ],
    [
      'a disturbed endpoint of another site uses none of the budget',
      { redundancyGroup: 'g' },
      { disturbed: [disturbed('x', { redundancyGroup: 'h', atSite: false })], siteBudget: 1 },
      {},
    ],
    [
      'an emergency that is halted goes before nobody',
      {},
      { emergencies: [emergency('e', { halted: ['by lee'] })] },
      {},
    ],
    [
      'an emergency outside its window goes before nobody',
      {},
      { emergencies: [emergency('e', { windows: later })] },
      {},
    ],
    [
      'an emergency that does not fit any more goes before nobody',
      {},
      { emergencies: [emergency('e', { expectedMinutes: 211 })] },
      {},
    ],
    [
      'an emergency past its deadline goes before nobody',
      {},
      { emergencies: [emergency('e', { deadlineAt: now })] },
      {},
    ],
    [
      'an emergency behind a stand-in that only a person mends goes before nobody',
      {},
      {
        emergencies: [emergency('e', { redundancyGroup: 'g' })],
        disturbed: [disturbed('x', { redundancyGroup: 'g', disturbance: 'failed' })],
      },
      {},
    ],
  ])('%s starts', (_, own, more) => {
    expect(started(ask([candidate('a', own)], more))).toEqual(['a']);
  });

  it('work that takes a moment longer than what is left does not start', () => {
    expect(started(ask([candidate('a', { expectedMinutes: 210.1 })]))).toEqual([]);
  });

  it('an emergency behind a stand-in that is at work waits for it, and still goes first', () => {
    const question = ask([candidate('a')], {
      emergencies: [emergency('e', { redundancyGroup: 'g' })],
      disturbed: [disturbed('x', { redundancyGroup: 'g' })],
    });
    expect(started(question)).toEqual([]);
  });

  it('an endpoint that is off and has not started uses no budget', () => {
    expect(started(ask([candidate('a', { online: false }), candidate('b')], { siteBudget: 1 }))).toEqual(['b']);
  });
});

const criticalities = fc.constantFrom<Criticality>('low', 'medium', 'high');
const groups = fc.constantFrom(null, 'g', 'h');
const anyCandidates = fc
  .array(
    fc.record({
      online: fc.constantFrom(true, true, false, null),
      windows: fc.constantFrom(open, open, later, []),
      criticality: criticalities,
      redundancyGroup: groups,
      expectedMinutes: fc.constantFrom(15, 300),
      halted: fc.constantFrom(null, null, null, ['by lee']),
    }),
    { maxLength: 12 },
  )
  .map((all) => all.map((each, index) => ({ endpointId: `e${index}`, ...each })));
const anyDisturbed = fc
  .uniqueArray(
    fc.record({
      number: fc.nat({ max: 15 }),
      redundancyGroup: groups,
      disturbance: fc.constantFrom('in flight', 'failed', 'unknown'),
      atSite: fc.constantFrom(true, true, false),
    }),
    { maxLength: 5, selector: ({ number }) => number },
  )
  .map((all) => all.map(({ number, ...each }) => ({ endpointId: `e${number}`, ...each })));
const anyEmergencies = fc.array(
  fc.record({
    redundancyGroup: groups,
    windows: fc.constantFrom(open, later),
    halted: fc.constantFrom(null, ['by lee']),
    deadlineAt: fc.constantFrom(null, now, '2027-01-01T00:00:00.000Z'),
  }),
  { maxLength: 2 },
);
const anyQuestion = fc
  .record({
    candidates: anyCandidates,
    disturbed: anyDisturbed,
    emergencies: anyEmergencies.map((all) => all.map((each, index) => emergency(`m${index}`, each))),
    siteBudget: fc.integer({ min: 1, max: 5 }),
  })
  .map(({ candidates, disturbed: others, ...more }) =>
    ask(candidates, { ...more, disturbed: others.map((each) => ({ ...each, ...groupAmong(candidates, each) })) }),
  );

/** Of one who is disturbed and asks again: an endpoint is of one group. */
function groupAmong(
  candidates: readonly { readonly endpointId: string; readonly redundancyGroup: string | null }[],
  { endpointId }: { readonly endpointId: string },
): { readonly redundancyGroup?: string | null } {
  const itself = candidates.find((each) => each.endpointId === endpointId);
  return itself ? { redundancyGroup: itself.redundancyGroup } : {};
}

describe('of any candidates at any site', () => {
  it('everybody is answered once', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const { start, waiting } = admit(question);
        const answered = [...start, ...waiting].map(({ endpointId }) => endpointId);
        expect(answered.toSorted()).toEqual(question.candidates.map(({ endpointId }) => endpointId).toSorted());
        expect([...start, ...waiting].every(({ because }) => because.length > 0)).toBe(true);
      }),
    );
  });

  it('the budget holds: whoever starts, no more are disturbed at the site than may be', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const begun = started(question);
        const atSite = question.disturbed.filter((each) => each.atSite).map(({ endpointId }) => endpointId);
        // What was too many before is for nobody to mend here; nobody is added to it.
        const fresh = begun.filter((endpointId) => !atSite.includes(endpointId));
        if (fresh.length > 0) expect(new Set([...begun, ...atSite]).size).toBeLessThanOrEqual(question.siteBudget);
      }),
    );
  });

  it('nobody starts outside its window, offline, halted, or while somebody is at work on it', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        for (const endpointId of started(question)) {
          const { online, windows, expectedMinutes, halted } =
            question.candidates.find((each) => each.endpointId === endpointId) ??
            candidate('nobody', { online: false });
          expect({ online, windows, expectedMinutes, halted }).toEqual({
            online: true,
            windows: open,
            expectedMinutes: 15,
            halted: null,
          });
          const itself = question.disturbed.find((each) => each.endpointId === endpointId);
          expect(itself?.disturbance ?? 'failed').toBe('failed');
        }
      }),
    );
  });

  it('of a redundancy group only one is disturbed, wherever the others stand', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const begun = new Set(started(question));
        for (const group of ['g', 'h']) {
          const of = (all: readonly { redundancyGroup: string | null; endpointId: string }[]) =>
            all.filter(({ redundancyGroup }) => redundancyGroup === group).map(({ endpointId }) => endpointId);
          const mine = of(question.candidates).filter((endpointId) => begun.has(endpointId));
          const others = of(question.disturbed);
          expect(mine.length).toBeLessThanOrEqual(1);
          if (mine.length > 0) expect(others.every((endpointId) => mine.includes(endpointId))).toBe(true);
        }
      }),
    );
  });

  it('nobody starts before an emergency that could start when those in flight have ended', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const first = question.emergencies.some(
          ({ windows, halted, deadlineAt, redundancyGroup }) =>
            windows === open &&
            halted === null &&
            deadlineAt !== now &&
            !question.disturbed.some(
              (each) =>
                redundancyGroup !== null &&
                each.redundancyGroup === redundancyGroup &&
                each.disturbance !== 'in flight',
            ),
        );
        if (first) expect(started(question)).toEqual([]);
        else expect(started(question)).toEqual(started({ ...question, emergencies: [] }));
      }),
    );
  });
});

describe('when to ask again', () => {
  const asked = { now, anyInFlight: false, budgetSeconds: 60 };
  const wait = { endpointId: 'a', because: [], lookAgainAt: null, passes: false };
  it.each([
    ['when the window opens', { ...wait, waitingFor: 'window', lookAgainAt: '2026-12-09T21:31:30.000Z' }, false, 90],
    ['never for a window that never opens', { ...wait, waitingFor: 'window' }, false, null],
    ['soon, for a budget that others use', { ...wait, waitingFor: 'budget', passes: true }, false, 60],
    ['soon, for a budget that the ring itself uses', { ...wait, waitingFor: 'budget' }, true, 60],
    ['never for a budget that only a person frees', { ...wait, waitingFor: 'budget' }, false, null],
    ['never for who is off: its catch-up goes on with it', { ...wait, waitingFor: 'offline' }, true, null],
    ['never for what is halted', { ...wait, waitingFor: 'halt' }, true, null],
  ] as const)('%s', (_, waiting, anyInFlight, seconds) => {
    expect(lookAgainInSeconds([waiting], { ...asked, anyInFlight })).toBe(seconds);
  });

  it('the soonest of all counts', () => {
    const budget = { ...wait, waitingFor: 'budget', passes: true } as const;
    const window = { ...wait, waitingFor: 'window', lookAgainAt: '2026-12-09T21:30:10.000Z' } as const;
    expect(lookAgainInSeconds([budget, window], asked)).toBe(10);
  });
});

describe('the question just before the install', () => {
  it.each([
    ['what is left of the window covers the rest of the work', 210, null, { starts: true }],
    ['it does not cover it any more', 211, null, { starts: false, waitingFor: 'window' }],
    [
      'somebody has halted it meanwhile',
      10,
      ['halted by lee'],
      { starts: false, waitingFor: 'ring', because: ['halted by lee'] },
    ],
  ])('%s', (_, minutesFromInstall, halted, expected) => {
    expect(judgeInstallStart({ now, windows: open, minutesFromInstall, halted })).toMatchObject(expected);
  });

  it('outside every window it does not start, and says when the next one opens', () => {
    const verdict = judgeInstallStart({ now, windows: later, minutesFromInstall: 1, halted: null });
    expect(verdict).toMatchObject({ starts: false, because: [expect.stringContaining('Sun 02:00')] });
  });
});
