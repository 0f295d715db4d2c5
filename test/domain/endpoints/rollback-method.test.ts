import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Patch } from '../../../domain/patch.ts';
import {
  packagesToHold,
  rollbackMethodAfterFailure,
  rollbackMethodByOrder,
} from '../../../domain/endpoints/rollback-method.ts';

const rollback = fc.constantFrom('machine' as const, 'packages' as const);
const found = fc.record({
  snapshotId: fc.constant('snapshot-1'),
  usable: fc.boolean(),
  because: fc.constant('looked'),
});

describe('the rollback after a failed install', () => {
  it('is the one the policy names', () => {
    expect(rollbackMethodAfterFailure({ rollback: 'machine', snapshotId: 's' })).toEqual({
      by: 'machine',
      snapshotId: 's',
    });
    expect(rollbackMethodAfterFailure({ rollback: 'packages', snapshotId: 's' })).toEqual({ by: 'packages' });
  });

  it('is none where a machine has no snapshot', () => {
    expect(rollbackMethodAfterFailure({ rollback: 'machine', snapshotId: null })).toEqual({
      by: 'none',
      because: ['there is no snapshot to go back to'],
    });
  });
});

describe('the rollback by a person’s order', () => {
  const usable = { snapshotId: 's', usable: true, because: 'it was looked at' };
  const gone = { snapshotId: 's', usable: false, because: 'it has no root' };

  it.each([
    ['the snapshot while it is kept', { rollback: 'machine', snapshot: usable, answers: false }, 'machine'],
    ['the packages once it is not kept', { rollback: 'machine', snapshot: null, answers: true }, 'packages'],
    ['the packages when it is not usable', { rollback: 'machine', snapshot: gone, answers: true }, 'packages'],
    ['the packages where data must survive', { rollback: 'packages', snapshot: usable, answers: true }, 'packages'],
    ['none of a silent one without a snapshot', { rollback: 'machine', snapshot: gone, answers: false }, 'none'],
    [
      'none of a silent one whose data must survive',
      { rollback: 'packages', snapshot: usable, answers: false },
      'none',
    ],
  ] as const)('is %s', (_, what, by) => {
    expect(rollbackMethodByOrder(what).by).toBe(by);
  });

  it('never restores a machine whose data must survive, nor from a snapshot that is not usable', () => {
    fc.assert(
      fc.property(rollback, fc.option(found), fc.boolean(), (rule, snapshot, answers) => {
        const way = rollbackMethodByOrder({ rollback: rule, snapshot, answers });
        if (way.by === 'machine') expect([rule, snapshot?.usable]).toEqual(['machine', true]);
        if (way.by === 'packages') expect(answers).toBe(true);
        if (way.by === 'none') expect(way.because.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('what is held afterwards', () => {
  const patch = (name: string, from: string | null = '1'): Patch => ({
    package: name,
    architecture: 'all',
    from,
    to: '2',
  });

  it.each<[string, readonly string[], readonly string[]]>([
    ['what is at fault', ['b'], ['b']],
    ['everything where nobody can tell', [], ['a', 'b']],
    ['everything where what is at fault was new, and is gone', ['new'], ['a', 'b']],
    ['everything where another package is at fault', ['other'], ['a', 'b']],
  ])('is %s', (_, atFault, held) => {
    expect(packagesToHold([patch('a'), patch('b'), patch('new', null)], atFault)).toEqual(held);
  });

  it('is always something that was there before, and never nothing while there is any', () => {
    const patches = fc.array(
      fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean()).map(([name, isNew]) => patch(name, isNew ? null : '1')),
    );
    fc.assert(
      fc.property(patches, fc.array(fc.constantFrom('a', 'b', 'c', 'd')), (some, atFault) => {
        const kept = some.filter(({ from }) => from !== null).map((each) => each.package);
        const held = packagesToHold(some, atFault);
        expect(held.every((name) => kept.includes(name))).toBe(true);
        expect(held.length > 0).toBe(kept.length > 0);
      }),
    );
  });
});
