import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CycleState } from '../../../domain/rollout/cycle.ts';
import { type RecordedSnapshot, judgeSnapshot, snapshotsToDelete } from '../../../domain/snapshots/retention.ts';
import type { EndpointOutcome } from '../../../domain/endpoints/saga.ts';

const day = 24 * 60 * 60 * 1000;
const endedAt = '2026-12-09T21:30:00.000Z';
const daysLater = (days: number) => new Date(Date.parse(endedAt) + days * day).toISOString();

function snapshot(more: Partial<RecordedSnapshot> = {}): RecordedSnapshot {
  return {
    snapshotId: 'snapshot-3f6c1d0a94be',
    endpointId: 'berlin-web-1.acme',
    cycleId: 'cycle/acme/servers/2026-12-09',
    takenAt: '2026-12-09T21:00:00.000Z',
    deletionOrderedAt: null,
    deletedAt: null,
    missingSinceAt: null,
    endpointState: 'ended',
    outcome: 'patched',
    attemptGivenUp: false,
    endpointEndedAt: endedAt,
    cycleState: 'finished',
    keepDays: 7,
    keepUntilAt: null,
    endpointIs: null,
    provenSinceAt: null,
    ...more,
  };
}

describe('whether a snapshot is kept', () => {
  it.each<[string, Partial<RecordedSnapshot>, number, boolean]>([
    ['the endpoint was proven patched and the days are not over', {}, 6.9, true],
    ['the days are over', {}, 7, false],
    ['a person asked for longer', { keepUntilAt: daysLater(30) }, 29, true],
    ['an earlier date does not shorten the policy’s days', { keepUntilAt: daysLater(1) }, 6, true],
    ['its cycle still runs and may order a rollback', { cycleState: 'running' }, 100, true],
    ['the endpoint is in flight', { endpointState: 'in flight', outcome: null }, 100, true],
    ['nobody knows how the work ended', { endpointState: 'unknown', outcome: null }, 100, true],
    ['the endpoint is being rolled back by order', { endpointState: 'rolling back' }, 100, true],
    ['another cycle is at work on the endpoint', { endpointIs: 'under way' }, 100, true],
    ['the endpoint is quarantined', { outcome: 'quarantined' }, 1000, true],
    ['another cycle has quarantined the endpoint since', { endpointIs: 'quarantined' }, 1000, true],
    ['a later cycle has proven it since', { outcome: 'quarantined', provenSinceAt: daysLater(10) }, 16.9, true],
    [
      'and the days since that are over',
      { outcome: 'quarantined', endpointIs: null, provenSinceAt: daysLater(10) },
      17,
      false,
    ],
    ['the endpoint was rolled back to it and the days are not over', { outcome: 'rolled_back' }, 6, true],
    ['the endpoint was rolled back to it and the days are over', { outcome: 'rolled_back' }, 7, false],
    ['nothing was installed: skipped', { outcome: 'skipped' }, 0, false],
    ['nothing was installed: unchanged', { outcome: 'unchanged' }, 0, false],
    ['nothing was installed: superseded', { outcome: 'superseded' }, 0, false],
    ['skipped in a cycle that still runs', { outcome: 'skipped', cycleState: 'running' }, 100, true],
    [
      'its attempt was let go, and another waits',
      { attemptGivenUp: true, endpointState: 'waiting', outcome: null },
      0,
      false,
    ],
    ['its attempt was let go, and another is under way', { attemptGivenUp: true, endpointIs: 'under way' }, 0, true],
    ['nobody knows when it ended', { endpointEndedAt: null }, 1000, true],
    ['its end cannot be read', { endpointEndedAt: 'yesterday' }, 1000, true],
    ['the endpoint is on no record of the cycle', { endpointState: null, outcome: null }, 1000, true],
    [
      'its deletion was ordered, whatever came since',
      { deletionOrderedAt: endedAt, endpointIs: 'under way' },
      0,
      false,
    ],
  ])('%s', (_, more, days, keep) => {
    const verdict = judgeSnapshot(snapshot(more), daysLater(days));
    expect(verdict.keep).toBe(keep);
    expect(verdict.because.length).toBeGreaterThan(0);
  });

  it('says until when', () => {
    expect(judgeSnapshot(snapshot(), daysLater(1)).untilAt).toBe(daysLater(7));
  });

  it('deletes nothing twice', () => {
    expect(snapshotsToDelete([snapshot({ deletedAt: daysLater(7) })], daysLater(8))).toEqual([]);
    expect(snapshotsToDelete([snapshot()], daysLater(8))).toMatchObject([{ snapshotId: 'snapshot-3f6c1d0a94be' }]);
  });
});

describe('of any snapshots', () => {
  const instants = fc.integer({ min: -30, max: 60 }).map(daysLater);
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
  const states = fc.constantFrom('planned', 'admitted', 'in flight', 'rolling back', 'unknown', 'waiting', 'ended');
  const outcomes = fc.constantFrom<EndpointOutcome>(
    'patched',
    'unchanged',
    'rolled_back',
    'quarantined',
    'skipped',
    'superseded',
  );
  const any = fc
    .record({
      endpointState: maybe(states),
      outcome: maybe(outcomes),
      endpointEndedAt: maybe(instants),
      cycleState: fc.constantFrom<CycleState>('running', 'finished', 'halted', 'cancelled', 'failed'),
      keepDays: fc.integer({ min: 0, max: 30 }),
      keepUntilAt: maybe(instants),
      endpointIs: maybe(fc.constantFrom('under way' as const, 'quarantined' as const)),
      provenSinceAt: maybe(instants),
      takenAt: maybe(instants),
    })
    .map((more) => snapshot(more));

  it('none is deleted while it may be the only way to roll back, or a cycle may order one', () => {
    fc.assert(
      fc.property(any, instants, (one, now) => {
        const needed =
          one.endpointIs !== null ||
          one.endpointState !== 'ended' ||
          one.cycleState === 'running' ||
          one.outcome === null ||
          (one.outcome === 'quarantined' && one.provenSinceAt === null);
        fc.pre(needed);
        expect(judgeSnapshot(one, now).keep).toBe(true);
      }),
    );
  });

  it('none of a proven end is deleted before the policy’s days are over, and each is afterwards', () => {
    fc.assert(
      fc.property(any, fc.constantFrom('patched' as const, 'rolled_back' as const), instants, (one, outcome, now) => {
        fc.pre(one.endpointEndedAt !== null);
        const kept = { endpointState: 'ended', cycleState: 'finished', endpointIs: null, keepUntilAt: null } as const;
        const until = Date.parse(one.endpointEndedAt ?? '') + one.keepDays * day;
        expect(judgeSnapshot({ ...one, ...kept, outcome }, now).keep).toBe(Date.parse(now) < until);
      }),
    );
  });

  it('one that goes at an instant goes at every later one', () => {
    fc.assert(
      fc.property(any, instants, fc.integer({ min: 0, max: 90 }), (one, now, days) => {
        const later = new Date(Date.parse(now) + days * day).toISOString();
        expect(judgeSnapshot(one, now).keep || !judgeSnapshot(one, later).keep).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
