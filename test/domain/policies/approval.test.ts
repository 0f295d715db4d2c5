import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UpdateToJudge } from '../../../domain/policies/approval.ts';
import { holds, judgeEmergencyUpdate, judgeUpdate } from '../../../domain/policies/approval.ts';
import type { Policy } from '../../../domain/policies/policy.ts';
import { samplePolicy } from '../../setup/sample-policy.ts';
import type { Severity, UpdateClass } from '../../../domain/patches/classification.ts';

const now = '2026-11-22T10:00:00.000Z';
const owned = { because: "client's own module fails", owner: 'dana@acme.example', until: '2027-01-31' };

function update(kind: UpdateClass, severity: Severity, more: Partial<UpdateToJudge> = {}): UpdateToJudge {
  return {
    package: 'nginx',
    to: '1.24.0-1',
    cves: [],
    classification: { class: kind, severity, because: ['it was classified so'] },
    releasedAt: '2026-11-20T10:00:00.000Z',
    firstSeenAt: null,
    ...more,
  };
}

function judge(what: UpdateToJudge, policy: Partial<Policy>, endpointName = 'berlin-web-1') {
  return judgeUpdate({ update: what, endpointName, policy: samplePolicy(policy), now });
}

describe('approval by class and severity', () => {
  it.each([
    ['critical security', update('security', 'critical'), 'approved'],
    ['security of unknown severity counts as high', update('security', 'unknown'), 'approved'],
    ['moderate security, which no rule names', update('security', 'moderate'), 'declined'],
    ['a bugfix, which no rule names', update('bugfix', 'critical'), 'declined'],
    ['an unknown class, however grave', update('unknown', 'critical'), 'declined'],
  ] as const)('%s is judged', (_, what, decision) => {
    expect(judge(what, {}).decision).toBe(decision);
  });

  it('an unknown class is declined even under rules for everything', () => {
    const everything = (['security', 'bugfix', 'feature'] as const).map((kind) => ({
      class: kind,
      severity: null,
      delayMinutes: 0,
    }));
    expect(judge(update('unknown', 'critical'), { approve: everything }).decision).toBe('declined');
  });

  const aWeekLater = { approve: [{ class: 'bugfix', severity: null, delayMinutes: 7 * 1440 }] } as const;

  it('7 days after release: deferred on the second day, with the instant', () => {
    const result = judge(update('bugfix', 'low'), aWeekLater);
    expect(result).toMatchObject({ decision: 'deferred', approvableAt: '2026-11-27T10:00:00.000Z', rule: 'approve' });
    expect(result.because[0]).toContain('7 days after release');
  });

  it('7 days after release: approved when exactly 7 days have passed', () => {
    const what = update('bugfix', 'low', { releasedAt: '2026-11-15T10:00:00.000Z' });
    expect(judge(what, aWeekLater).decision).toBe('approved');
    const aSecondLater = { ...what, releasedAt: '2026-11-15T10:00:01.000Z' };
    expect(judge(aSecondLater, aWeekLater).decision).toBe('deferred');
  });

  it('an unknown release counts from when it was first seen, and says so', () => {
    const result = judge(
      update('bugfix', 'low', { releasedAt: null, firstSeenAt: '2026-11-01T00:00:00.000Z' }),
      aWeekLater,
    );
    expect(result.decision).toBe('approved');
    expect(result.because.join()).toContain('first seen');
  });

  it('an update nobody knows the age of is never old enough', () => {
    expect(judge(update('bugfix', 'low', { releasedAt: null }), aWeekLater)).toMatchObject({
      decision: 'deferred',
      approvableAt: null,
    });
  });

  it('the soonest of several rules decides', () => {
    const approve = [
      { class: 'security', severity: null, delayMinutes: 7 * 1440 },
      { class: 'security', severity: ['critical'], delayMinutes: 0 },
    ] as const;
    expect(judge(update('security', 'critical'), { approve }).decision).toBe('approved');
    expect(judge(update('security', 'low'), { approve }).decision).toBe('deferred');
  });
});

const block = (versions: string | null, until = '2027-01-31') => [{ package: 'nginx', versions, ...owned, until }];

describe('reject beats approve', () => {
  it.each([
    ['a version in the range is declined', '>= 1.24', 'declined'],
    ['a version outside is approved', '>= 1.25', 'approved'],
    ['any version is declined where none is named', null, 'declined'],
    ['a range nobody can read blocks every version', 'newer', 'declined'],
  ])('%s', (_, versions, decision) => {
    expect(judge(update('security', 'critical'), { block: block(versions) }).decision).toBe(decision);
  });

  it('says who blocks it, why and until when', () => {
    const { because, rule } = judge(update('security', 'critical'), { block: block('>= 1.24') });
    expect(rule).toBe('block');
    expect(because).toEqual([
      "nginx >= 1.24 is blocked until 2027-01-31 by dana@acme.example: client's own module fails",
    ]);
  });

  it('holds through its last day and not a second longer, and says that it ran out', () => {
    const policy = samplePolicy({ block: block(null, '2026-11-22') });
    const at = (instant: string) =>
      judgeUpdate({ update: update('security', 'critical'), endpointName: 'a', policy, now: instant });
    expect(at('2026-11-22T23:59:59.999Z').decision).toBe('declined');
    const after = at('2026-11-23T00:00:00.000Z');
    expect(after.decision).toBe('approved');
    expect(after.because.at(-1)).toContain('ran out on 2026-11-22');
  });

  it('a block wins against an allow of the same package', () => {
    expect(judge(update('unknown', 'unknown'), { allow: block(null) }).decision).toBe('approved');
    expect(judge(update('unknown', 'unknown'), { allow: block(null), block: block(null) }).decision).toBe('declined');
  });

  it('an allow with a range nobody can read allows nothing', () => {
    expect(judge(update('unknown', 'unknown'), { allow: block('newer') }).decision).toBe('declined');
  });

  it('no update of a blocked package is ever approved, whatever the rules', () => {
    const approve = fc.array(
      fc.record({
        class: fc.constantFrom('security' as const, 'bugfix' as const, 'feature' as const),
        severity: fc.constantFrom(null, ['critical' as const], ['unknown' as const]),
        delayMinutes: fc.nat(),
      }),
    );
    const kind = fc.constantFrom<UpdateClass>('security', 'bugfix', 'feature', 'unknown');
    fc.assert(
      fc.property(approve, kind, (rules, each) => {
        const policy = { approve: rules, allow: block(null), block: block('>= 1.0') };
        expect(judge(update(each, 'critical'), policy).decision).toBe('declined');
      }),
    );
  });
});

describe('exceptions', () => {
  const exceptions = [{ package: null, cve: 'CVE-2026-1111', endpoints: ['berlin-db-1'], ...owned }];
  const what = update('security', 'critical', { cves: ['CVE-2026-1111'] });

  it('hold back on the endpoints they name, and nowhere else', () => {
    expect(judge(what, { exceptions }, 'berlin-db-1')).toMatchObject({ decision: 'deferred', rule: 'exception' });
    expect(judge(what, { exceptions }, 'berlin-web-1').decision).toBe('approved');
  });

  it('hold nothing back once they ran out, and it is said', () => {
    const ranOut = exceptions.map((each) => ({ ...each, until: '2026-11-21' }));
    const result = judge(what, { exceptions: ranOut }, 'berlin-db-1');
    expect(result.decision).toBe('approved');
    expect(result.because.at(-1)).toContain('ran out on 2026-11-21');
  });

  it('end by the day in UTC, whatever zone now is written in', () => {
    expect(holds({ ...owned, until: '2026-11-21' }, '2026-11-22T00:30:00+02:00')).toBe(true);
  });
});

describe('an emergency', () => {
  const carries = update('security', 'unknown', { cves: ['CVE-2026-1111'] });
  const question = { endpointName: 'berlin-web-1', now, advisory: 'CVE-2026-1111' };

  it('approves what carries the advisory, at once, and nothing else', () => {
    const policy = samplePolicy({ approve: [] });
    expect(judgeEmergencyUpdate({ ...question, policy, update: carries })).toMatchObject({
      decision: 'approved',
      rule: 'advisory',
    });
    const other = update('security', 'critical', { cves: ['CVE-2026-2222'] });
    expect(judgeEmergencyUpdate({ ...question, policy: samplePolicy(), update: other }).decision).toBe('declined');
  });

  it('takes what nobody knows the class of by its name alone, on a person’s word', () => {
    const foreign = update('unknown', 'critical', { cves: ['CVE-2026-1111'] });
    expect(judgeEmergencyUpdate({ ...question, policy: samplePolicy(), update: foreign })).toMatchObject({
      decision: 'declined',
      because: [expect.stringContaining('CVE-2026-1111'), 'its class is unknown: allow it by its name'],
    });
    const policy = samplePolicy({ allow: [{ package: 'nginx', versions: null, ...owned }] });
    expect(judgeEmergencyUpdate({ ...question, policy, update: foreign })).toMatchObject({
      decision: 'approved',
      rule: 'allow',
    });
  });

  it('does not pass a block', () => {
    const policy = samplePolicy({ block: [{ package: 'nginx', versions: null, ...owned }] });
    expect(judgeEmergencyUpdate({ ...question, policy, update: carries }).decision).toBe('declined');
  });
});
