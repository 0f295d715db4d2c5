import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atWork } from '../../../domain/rollout/budget.ts';
import { type RollbackMember, rollbackProgress } from '../../../domain/rollout/rollback.ts';
import type { EndpointOutcome } from '../../../domain/endpoints/saga.ts';

const rings = ['canary', 'early', 'rest'];
const later = 'cycle/acme/servers/2026-11-29';

function member(endpointId: string, ring: string, more: Partial<RollbackMember> = {}): RollbackMember {
  return { endpointId, ring, state: 'ended', outcome: 'patched', laterCycle: null, tried: false, ...more };
}

describe('which endpoints are rolled back now', () => {
  it.each<[string, readonly RollbackMember[], readonly string[]]>([
    ['the newest ring first', [member('a', 'canary'), member('b', 'rest'), member('c', 'rest')], ['b', 'c']],
    [
      'the ring before it when it is done',
      [member('a', 'canary'), member('b', 'rest', { outcome: 'rolled_back' })],
      ['a'],
    ],
    [
      'nobody of an older ring while a newer one is worked on',
      [member('a', 'canary'), member('b', 'rest', { state: 'rolling back', outcome: null })],
      [],
    ],
    [
      'nobody who was not patched',
      [member('a', 'rest', { outcome: 'skipped' }), member('b', 'rest', { state: 'waiting', outcome: null })],
      [],
    ],
    ['nobody who was tried already', [member('a', 'rest', { tried: true }), member('b', 'early')], ['b']],
    [
      'nobody whom a later cycle has worked on',
      [member('a', 'rest', { laterCycle: later }), member('b', 'early')],
      ['b'],
    ],
    ['one that is in no ring any more, last', [member('a', 'gone'), member('b', 'canary')], ['a', 'b']],
  ])('%s', (_, members, next) => {
    expect(rollbackProgress(members, rings).next).toEqual(next);
  });

  it('says who is left as it is, and why', () => {
    expect(rollbackProgress([member('a', 'rest', { laterCycle: later })], rings).excluded).toEqual([
      { endpointId: 'a', because: `${later} has worked on it since: roll that back first` },
    ]);
  });
});

const outcomes: readonly EndpointOutcome[] = ['patched', 'unchanged', 'rolled_back', 'quarantined', 'skipped'];
const anyMembers = fc.uniqueArray(
  fc
    .record({
      endpointId: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      ring: fc.constantFrom(...rings, null),
      progress: fc.constantFrom<readonly (readonly [string, EndpointOutcome | null])[]>(
        ...[
          ...outcomes.map((outcome) => ['ended', outcome] as const),
          ...['planned', 'waiting', 'unknown', ...atWork].map((state) => [state, null] as const),
        ].map((each) => [each]),
      ),
      laterCycle: fc.constantFrom(null, null, later),
      tried: fc.boolean(),
    })
    .map(({ progress: [progress], ...rest }): RollbackMember => {
      const [state, outcome] = progress ?? ['planned', null];
      return { ...rest, state, outcome };
    }),
  { selector: ({ endpointId }) => endpointId },
);

describe('however the members stand', () => {
  it('only patched ones that nobody has worked on since go, each tried once, and none ahead of a newer ring', () => {
    fc.assert(
      fc.property(anyMembers, (members) => {
        const { next, awaited } = rollbackProgress(members, rings);
        const of = (endpointId: string) => members.find((each) => each.endpointId === endpointId);
        const opened = (endpointId: string) => Math.max(0, rings.indexOf(of(endpointId)?.ring ?? ''));
        for (const endpointId of next) {
          expect(of(endpointId)).toMatchObject({ state: 'ended', outcome: 'patched', laterCycle: null, tried: false });
          for (const other of [...next, ...awaited]) expect(opened(other)).toBeLessThanOrEqual(opened(endpointId));
        }
      }),
    );
  });

  it('every order comes to an end: once all of those who go have been tried, the next are others, until nobody is left', () => {
    fc.assert(
      fc.property(anyMembers, (members) => {
        let progress = members.filter(({ state }) => !atWork.includes(state));
        const seen: string[] = [];
        for (;;) {
          const { next } = rollbackProgress(progress, rings);
          if (next.length === 0) break;
          expect(next.filter((each) => seen.includes(each))).toEqual([]);
          seen.push(...next);
          progress = progress.map((each) => (next.includes(each.endpointId) ? { ...each, tried: true } : each));
        }
        const due = progress.filter((each) => each.outcome === 'patched' && each.laterCycle === null);
        expect(due.every((each) => each.tried)).toBe(true);
      }),
    );
  });
});
