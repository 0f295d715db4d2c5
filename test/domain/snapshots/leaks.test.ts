import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareSandboxes, compareSnapshots } from '../../../domain/snapshots/leaks.ts';
import type { RecordedSnapshot } from '../../../domain/snapshots/retention.ts';

const endpointId = 'berlin-web-1.acme';
const takenAt = '2026-12-09T21:00:00.000Z';
const listedAt = '2026-12-10T03:00:00.000Z';

function recorded(snapshotId: string, more: Partial<RecordedSnapshot> = {}): RecordedSnapshot {
  return {
    snapshotId,
    endpointId,
    cycleId: 'cycle/acme/servers/2026-12-09',
    takenAt,
    deletionOrderedAt: null,
    deletedAt: null,
    missingSinceAt: null,
    endpointState: 'ended',
    outcome: 'patched',
    attemptGivenUp: false,
    endpointEndedAt: takenAt,
    cycleState: 'finished',
    keepDays: 7,
    keepUntilAt: null,
    endpointIs: null,
    provenSinceAt: null,
    ...more,
  };
}

function compare(
  records: readonly RecordedSnapshot[],
  there: readonly string[] | null,
  origins: [string, string][] = [],
) {
  const listings = [{ endpointId, snapshotIds: there }];
  return compareSnapshots({ recorded: records, listings, listedAt, origins: new Map(origins) });
}

describe('what exists against what is recorded', () => {
  it('finds nothing where both agree', () => {
    const nothing = { leaks: [], missing: [], foundAgain: [], gone: [], stillThere: [] };
    expect(compare([recorded('a'), recorded('b', { deletedAt: listedAt })], ['a'])).toEqual(nothing);
  });

  it('reports what is on no record, and names the ended cycle that gave the name', () => {
    const { leaks } = compare([], ['by hand', 'ours'], [['ours', 'cycle/acme/servers/2026-11-11']]);
    expect(leaks).toMatchObject([
      { snapshotId: 'by hand', origin: null },
      { snapshotId: 'ours', origin: 'cycle/acme/servers/2026-11-11' },
    ]);
  });

  it('says of one on record that it is gone, once', () => {
    expect(compare([recorded('a')], []).missing).toMatchObject([{ snapshotId: 'a' }]);
    expect(compare([recorded('a', { missingSinceAt: listedAt })], []).missing).toEqual([]);
    expect(compare([recorded('a', { missingSinceAt: listedAt })], ['a']).foundAgain).toEqual(['a']);
  });

  it('takes the end of an ordered deletion for its end, though nobody recorded it', () => {
    const ordered = recorded('a', { deletionOrderedAt: takenAt });
    expect(compare([ordered], [])).toMatchObject({ gone: ['a'], missing: [] });
  });

  it('finds one that is deleted by its record and there all the same', () => {
    expect(compare([recorded('a', { deletedAt: listedAt })], ['a']).stillThere).toEqual(['a']);
  });

  it('says nothing of an endpoint whose driver did not answer', () => {
    const nothing = { leaks: [], missing: [], foundAgain: [], gone: [], stillThere: [] };
    expect(compare([recorded('a'), recorded('b', { deletionOrderedAt: takenAt })], null)).toEqual(nothing);
  });

  it('does not miss one that was taken after the listing was asked for, or that nobody knows was taken', () => {
    const later = recorded('a', { takenAt: '2026-12-10T03:00:01.000Z' });
    expect(compare([later, recorded('b', { takenAt: null })], []).missing).toEqual([]);
  });

  it('finds every difference there is, and no other', () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'));
    fc.assert(
      fc.property(names, names, names, (known, deleted, there) => {
        const records = known.map((id) => recorded(id, { deletedAt: deleted.includes(id) ? listedAt : null }));
        const { leaks, missing, stillThere } = compare(records, there);
        expect(leaks.map(({ snapshotId }) => snapshotId)).toEqual(there.filter((id) => !known.includes(id)));
        const lost = known.filter((id) => !deleted.includes(id) && !there.includes(id));
        expect(missing.map(({ snapshotId }) => snapshotId)).toEqual(lost);
        expect(stillThere).toEqual(known.filter((id) => deleted.includes(id) && there.includes(id)));
      }),
    );
  });
});

describe('clones that are left', () => {
  it('are destroyed when their test has ended, and never while it runs or when nobody knows whose they are', () => {
    const ids = fc.uniqueArray(fc.string({ minLength: 1 }));
    const origins = fc.dictionary(fc.string({ minLength: 1 }), fc.boolean());
    fc.assert(
      fc.property(ids, origins, (strange, known) => {
        const all = new Map(Object.entries(known).map(([id, running]) => [id, { cycleId: 'cycle', running }]));
        const found = [...new Set([...strange, ...all.keys()])];
        const { destroy, leaks } = compareSandboxes(found, all);
        const ended = found.filter((id) => all.get(id)?.running === false);
        expect(destroy.map(({ sandboxId }) => sandboxId)).toEqual(ended);
        expect(leaks.map(({ sandboxId }) => sandboxId)).toEqual(found.filter((id) => !all.has(id)));
      }),
    );
  });
});
