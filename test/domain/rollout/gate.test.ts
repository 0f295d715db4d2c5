import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RingFacts } from '../../../domain/rollout/gate.ts';
import { countsAgainstGate, judgeRing, mayAdvance } from '../../../domain/rollout/gate.ts';
import type { EndpointOutcome } from '../../../domain/endpoints/saga.ts';

const gate = { soakMinutes: 30, atLeastVerified: 2, failuresAtMost: 0, failurePercentAtMost: null };

function ends(outcomes: readonly EndpointOutcome[]): RingFacts['outcomes'] {
  return outcomes.map((outcome, index) => ({ endpointId: `e${index}`, outcome }));
}
function ring(outcomes: readonly EndpointOutcome[], more: Partial<RingFacts> = {}): RingFacts {
  return {
    ringSize: outcomes.length,
    outcomes: ends(outcomes),
    unknown: [],
    regressions: [],
    healthDataPresent: true,
    gate,
    ...more,
  };
}

const cron = 'cron:amd64=2';
const grep = 'grep:amd64=2';
const rolledBack = (endpointId: string, ...patchesAtFault: readonly string[]) =>
  ({ endpointId, outcome: 'rolled_back', patchesAtFault }) as const;

describe('the verdict of a gate', () => {
  it.each<[string, RingFacts, string]>([
    ['all verified: advance', ring(['patched', 'patched', 'patched']), 'advance'],
    ['one rolled back and none may fail: halt', ring(['patched', 'patched', 'rolled_back']), 'halt'],
    ['one quarantined: halt', ring(['patched', 'patched', 'quarantined']), 'halt'],
    [
      'one rolled back where one may be: advance',
      ring(['patched', 'patched', 'rolled_back'], { gate: { ...gate, failuresAtMost: 1 } }),
      'advance',
    ],
    ['too few samples: hold', ring(['patched', 'unchanged', 'skipped']), 'hold'],
    ['a ring smaller than the policy asks for: its size is enough', ring(['patched']), 'advance'],
    ['nothing to do proves nothing: hold', ring(['unchanged', 'unchanged']), 'hold'],
    ['nobody in the ring proves nothing: hold', ring([]), 'hold'],
    ['waiting endpoints are not verified: hold', ring(['patched'], { ringSize: 3 }), 'hold'],
    ['no health data: hold', ring(['patched', 'patched'], { healthDataPresent: false }), 'hold'],
    [
      'a failure that was seen counts without health data: halt',
      ring(['rolled_back'], { healthDataPresent: false }),
      'halt',
    ],
    ['a state nobody knows: hold', ring(['patched', 'patched'], { ringSize: 3, unknown: ['e9'] }), 'hold'],
    [
      'a regression in the soak: halt',
      ring(['patched', 'patched', 'patched'], { regressions: [{ endpointId: 'e1', what: 'service nginx failed' }] }),
      'halt',
    ],
    [
      'a user’s answer that something broke counts against: halt',
      ring(['patched', 'patched', 'patched'], { complaints: [{ endpointId: 'e1', what: 'the printer is gone' }] }),
      'halt',
    ],
    ['that nobody complains proves nothing: hold', ring(['unchanged', 'skipped'], { complaints: [] }), 'hold'],
    [
      'a failure whose patch was released since counts no more, and proves nothing either: hold',
      ring(['patched'], { ringSize: 2, outcomes: [...ends(['patched']), rolledBack('e1', cron)], released: [cron] }),
      'hold',
    ],
    [
      'enough others are verified beside it: advance',
      ring([], { ringSize: 3, outcomes: [...ends(['patched', 'patched']), rolledBack('e2', cron)], released: [cron] }),
      'advance',
    ],
    [
      'only one of the two patches at fault was released: halt',
      ring([], {
        ringSize: 3,
        outcomes: [...ends(['patched', 'patched']), rolledBack('e2', cron, grep)],
        released: [cron],
      }),
      'halt',
    ],
    [
      'a failure that points to no patch is excused by no release: halt',
      ring([], { ringSize: 3, outcomes: [...ends(['patched', 'patched']), rolledBack('e2')], released: [cron] }),
      'halt',
    ],
    [
      'a user’s answer is excused by no release: halt',
      ring(['patched', 'patched'], { complaints: [{ endpointId: 'e1', what: 'it is slow' }], released: [cron] }),
      'halt',
    ],
  ])('%s', (_, facts, verdict) => {
    const result = judgeRing(facts);
    expect(result.verdict).toBe(verdict);
    expect(result.because.length).toBeGreaterThan(0);
  });

  it('halts above the share, not at it', () => {
    const lenient = { ...gate, failuresAtMost: 10, failurePercentAtMost: 25 };
    expect(judgeRing(ring(['patched', 'patched', 'patched', 'rolled_back'], { gate: lenient })).verdict).toBe(
      'advance',
    );
    const halted = judgeRing(ring(['patched', 'patched', 'rolled_back'], { gate: lenient }));
    expect(halted.verdict).toBe('halt');
    expect(halted.because[0]).toBe('1 of 3 tried failed (e2): 33.3%, at most 25% may');
  });

  it('says the numbers that decided and who failed', () => {
    const { because, numbers } = judgeRing(ring(['patched', 'rolled_back', 'unchanged', 'skipped']));
    expect(because).toEqual(['1 of 4 failed (e1), at most 0 may']);
    expect(numbers).toMatchObject({
      endpoints: 4,
      verified: 1,
      failed: 1,
      neither: 2,
      notEnded: 0,
      verifiedAtLeast: 2,
    });
  });

  it('an endpoint that regressed is failed and no longer verified', () => {
    const regressions = [
      { endpointId: 'e0', what: 'check http failed' },
      { endpointId: 'e0', what: 'service nginx failed' },
    ];
    expect(judgeRing(ring(['patched', 'patched'], { regressions })).numbers).toMatchObject({ verified: 1, failed: 1 });
  });
});

describe('what the verdict says besides', () => {
  const last = (facts: RingFacts) => judgeRing(facts).because.at(-1);

  it('an advance says what a ring of that size cannot show', () => {
    expect(last(ring(['patched', 'patched', 'patched']))).toBe(
      'a version that breaks every tenth endpoint passes 3 tried ones with probability 73%;' +
        ' by what was seen, this one breaks at most 63% of such endpoints, at 95% confidence',
    );
    expect(last(ring(['patched', 'patched', 'patched'], { recordSize: 20 }))).toBe(
      'a version that breaks every tenth endpoint passes 3 tried ones with probability 73%;' +
        " by what was seen, this one breaks at most 11 of the record's 20 endpoints, at 95% confidence",
    );
  });

  it('a failure that was excused is named', () => {
    const outcomes = [...ends(['patched', 'patched']), rolledBack('e2', cron)];
    expect(judgeRing(ring([], { ringSize: 3, outcomes, released: [cron] })).because).toContain(
      'the failure of e2 counts no more: a person has released its patch',
    );
  });
});

describe('whether a person may advance a gate', () => {
  it.each([
    ['a held one, with a reason', ring(['patched'], { ringSize: 3 }), true],
    ['not a halted one', ring(['patched', 'rolled_back']), false],
    [
      'a halted one after the patch was released',
      ring([], { ringSize: 1, outcomes: [rolledBack('e0', cron)], released: [cron] }),
      true,
    ],
  ])('%s', (_, facts, may) => {
    expect(mayAdvance(judgeRing(facts)).may).toBe(may);
  });

  it('is told what to do instead', () => {
    expect(mayAdvance(judgeRing(ring(['rolled_back']))).because).toBe(
      'a halted gate is not advanced (1 of 1 failed (e0), at most 0 may); release the patch at fault first:' +
        ' patchcycle patch release PACKAGE VERSION',
    );
  });
});

describe('of any ring', () => {
  const outcome = fc.constantFrom<EndpointOutcome>(
    'patched',
    'unchanged',
    'rolled_back',
    'quarantined',
    'skipped',
    'superseded',
  );
  const anyRing = fc
    .record({
      outcomes: fc.array(outcome, { maxLength: 12 }),
      waiting: fc.nat({ max: 3 }),
      healthDataPresent: fc.boolean(),
      atLeastVerified: fc.integer({ min: 1, max: 5 }),
      failuresAtMost: fc.nat({ max: 3 }),
      failurePercentAtMost: fc.constantFrom(null, 0, 10, 50),
    })
    .map(({ outcomes, waiting, healthDataPresent, ...numbers }) =>
      ring(outcomes, { ringSize: outcomes.length + waiting, healthDataPresent, gate: { soakMinutes: 30, ...numbers } }),
    );

  it('advance means enough verified, few enough failed and health data', () => {
    fc.assert(
      fc.property(anyRing, (facts) => {
        const { verdict, numbers } = judgeRing(facts);
        if (verdict !== 'advance') return;
        const count = (kind: string) => facts.outcomes.filter((end) => countsAgainstGate[end.outcome] === kind).length;
        expect(count('verified')).toBeGreaterThanOrEqual(
          Math.max(1, Math.min(facts.gate.atLeastVerified, facts.ringSize)),
        );
        expect(count('failed')).toBeLessThanOrEqual(facts.gate.failuresAtMost);
        expect(numbers.failurePercent).toBeLessThanOrEqual(facts.gate.failurePercentAtMost ?? 100);
        expect(facts.healthDataPresent).toBe(true);
      }),
    );
  });

  const severity = { advance: 0, hold: 1, halt: 2 };
  const namedIn = ({ outcomes }: RingFacts) => fc.constantFrom(...outcomes.map((end) => end.endpointId), 'x');

  it('a user’s answer, or a regression, never makes a verdict milder', () => {
    fc.assert(
      fc.property(
        anyRing.chain((facts) => fc.tuple(fc.constant(facts), namedIn(facts))),
        ([facts, endpointId]) => {
          const against = [{ endpointId, what: 'it broke' }];
          const was = judgeRing(facts).verdict;
          expect(severity[judgeRing({ ...facts, complaints: against }).verdict]).toBeGreaterThanOrEqual(severity[was]);
          expect(severity[judgeRing({ ...facts, regressions: against }).verdict]).toBeGreaterThanOrEqual(severity[was]);
        },
      ),
    );
  });

  it('a release excuses what points to the patch alone, and verifies nobody', () => {
    fc.assert(
      fc.property(anyRing, fc.boolean(), (facts, isReleased) => {
        const blaming = facts.outcomes.map((end) =>
          countsAgainstGate[end.outcome] === 'failed' ? { ...end, patchesAtFault: [cron] } : end,
        );
        const { numbers, verdict } = judgeRing({ ...facts, outcomes: blaming, released: isReleased ? [cron] : [grep] });
        const failed = blaming.filter((end) => countsAgainstGate[end.outcome] === 'failed').length;
        expect(numbers.failed).toBe(isReleased ? 0 : failed);
        expect(numbers.verified).toBe(blaming.filter((end) => end.outcome === 'patched').length);
        expect(numbers.verified + numbers.failed + numbers.neither).toBe(facts.outcomes.length);
        if (isReleased) expect(verdict).not.toBe('halt');
      }),
    );
  });

  it('one more failure never makes a verdict milder', () => {
    fc.assert(
      fc.property(anyRing, (facts) => {
        const worse = {
          ...facts,
          ringSize: facts.ringSize + 1,
          outcomes: [...facts.outcomes, { endpointId: 'x', outcome: 'rolled_back' as const }],
        };
        const [was, is] = [judgeRing(facts).verdict, judgeRing(worse).verdict];
        expect(severity[is]).toBeGreaterThanOrEqual(severity[was]);
      }),
    );
  });
});
