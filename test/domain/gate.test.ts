import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndpointOutcome } from '../../domain/endpoint-facts.ts';
import type { RingFacts } from '../../domain/gate.ts';
import { countsAgainstGate, judgeRing } from '../../domain/gate.ts';

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

describe('the verdict of a gate', () => {
  it.each<[string, RingFacts, string]>([
    ['all verified: advance', ring(['patched', 'patched', 'patched']), 'advance'],
    ['one put back and none may fail: halt', ring(['patched', 'patched', 'rolled_back']), 'halt'],
    ['one quarantined: halt', ring(['patched', 'patched', 'quarantined']), 'halt'],
    [
      'one put back where one may be: advance',
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

  it('one more failure never makes a verdict milder', () => {
    const severity = { advance: 0, hold: 1, halt: 2 };
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
