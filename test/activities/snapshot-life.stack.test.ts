/** What the clean-up records, against a database: nothing is lost by a crash between an order, the deletion and its record. */
import { expect, test } from 'vitest';
import type { Shelf } from '../../activities/snapshot-shelf.ts';
import { snapshotLifeActivities } from '../../activities/snapshot-life.ts';
import { snapshotNameOf } from '../../activities/machines.ts';
import { readSnapshots } from '../../workers/snapshots.ts';
import { standingClient } from '../workers/standing-client.ts';

const day = 24 * 60 * 60 * 1000;
const daysAgo = (days: number) => new Date(Date.now() - days * day);
const now = () => new Date().toISOString();

/** An endpoint that a cycle has patched some days ago, with a snapshot that is kept for seven. */
async function patchedDaysAgo(days: number) {
  const { tenants, clientId } = await standingClient();
  const db = tenants.forClient(clientId);
  const [endpoint] = await db.endpoint.findMany({ orderBy: { id: 'asc' } });
  if (!endpoint) throw new Error('The example has no endpoint.');
  const cycleId = `cycle/${clientId}/servers/2026-11-22`;
  const work = { cycleId, endpointId: endpoint.id };
  const snapshotId = snapshotNameOf({ ...work, planDigest: 'p', generation: 1 });
  await db.cycle.create({
    data: {
      id: cycleId,
      clientId,
      policyVersionId: `${clientId}/servers/1`,
      kind: 'standard',
      trigger: 'on demand',
      startedBy: 'dana',
      civilDate: '2026-11-22',
      number: 1,
      startedAt: daysAgo(days),
      state: 'finished',
      windows: {},
      policy: { snapshot: { required: true, keepDays: 7 } },
    },
  });
  const ended = { state: 'ended', outcome: 'patched', endedAt: daysAgo(days), generation: 1, snapshotId };
  await db.cycleEndpoint.create({ data: { ...work, clientId, siteId: endpoint.siteId, ...ended } });
  await db.changeRecord.create({
    data: {
      id: `${cycleId}/record-1`,
      cycleId,
      clientId,
      digest: 'd',
      content: { rings: [{ endpoints: [{ endpointId: endpoint.id, planDigest: 'p' }] }] },
      writtenAt: daysAgo(days),
      personsAsked: 0,
    },
  });
  await db.snapshotRecord.create({
    data: { id: snapshotId, clientId, ...work, takenAt: daysAgo(days), verifiedAt: daysAgo(days) },
  });
  const site = { clientId, siteId: endpoint.siteId, taskQueue: `site/${endpoint.siteId}` };
  const life = snapshotLifeActivities({ tenants, workflows: { standing: async () => ({ state: 'unheard of' }) } });
  const shelf = (...ids: string[]): Shelf[] => [
    {
      endpointId: endpoint.id,
      snapshots: ids.map((id) => ({ snapshotId: id, endpointId: endpoint.id, takenAt: daysAgo(days).toISOString() })),
    },
  ];
  const settle = (shelves: readonly Shelf[]) => life.settleSnapshots({ site, shelves, listedAt: now() });
  const shown = () => readSnapshots({ tenants }, clientId);
  const record = () => db.snapshotRecord.findUniqueOrThrow({ where: { id: snapshotId } });
  return { db, site, life, work, snapshotId, shelf, settle, shown, record };
}

test('a deletion is ordered on record before it is done, and is ordered again until it is recorded as done', async () => {
  const { site, life, snapshotId, shelf, settle, record } = await patchedDaysAgo(8);
  for (let round = 0; round < 2; round += 1) expect(await settle(shelf(snapshotId))).toMatchObject([{ snapshotId }]);
  expect(await record()).toMatchObject({ deletionOrderedAt: expect.any(Date) as Date, deletedAt: null });
  await life.recordSnapshotsDeleted({ site, removals: [{ name: snapshotId, failedBecause: null }] });
  expect((await record()).deletedAt).not.toBeNull();
  expect(await settle(shelf())).toEqual([]);
});

test('after a crash between the deletion and its record, the clean-up finds it gone and records that', async () => {
  const { db, snapshotId, shelf, settle, record } = await patchedDaysAgo(8);
  await settle(shelf(snapshotId));
  expect(await settle(shelf())).toEqual([]);
  expect(await record()).toMatchObject({ deletedAt: expect.any(Date) as Date, missingSinceAt: null });
  const told = await db.auditEvent.findMany({ where: { subject: snapshotId }, orderBy: { sequence: 'asc' } });
  expect(told.map(({ action }) => action)).toEqual(['order deletion of snapshot', 'delete snapshot']);
});

test('one that cannot be deleted stays ordered, and says why', async () => {
  const { site, life, snapshotId, shelf, settle, record } = await patchedDaysAgo(8);
  await settle(shelf(snapshotId));
  await life.recordSnapshotsDeleted({ site, removals: [{ name: snapshotId, failedBecause: 'the disk is read-only' }] });
  expect(await record()).toMatchObject({ deletedAt: null, because: [expect.stringContaining('read-only') as string] });
  expect(await settle(shelf(snapshotId))).toHaveLength(1);
});

test('nothing is deleted while another cycle is at work on the endpoint, or its driver does not answer', async () => {
  const { db, work, snapshotId, shelf, settle, record } = await patchedDaysAgo(8);
  expect(await settle([{ endpointId: work.endpointId, snapshots: null }])).toEqual([]);
  await db.cycleEndpoint.updateMany({ where: work, data: { state: 'rolling back' } });
  expect(await settle(shelf(snapshotId))).toEqual([]);
  expect((await record()).deletionOrderedAt).toBeNull();
});

test('one that is gone is told once and shown, and is forgotten when it is found again', async () => {
  const { db, snapshotId, shelf, settle, shown } = await patchedDaysAgo(1);
  await settle(shelf());
  await settle(shelf());
  expect((await shown()).snapshots).toMatchObject([
    { snapshotId, keep: true, missingSinceAt: expect.any(String) as string },
  ]);
  const told = { where: { subject: snapshotId, action: 'escalate' } };
  expect(await db.auditEvent.count(told)).toBe(1);
  await settle(shelf(snapshotId));
  expect((await shown()).snapshots).toMatchObject([{ snapshotId, missingSinceAt: null }]);
});

test('what is on no record is told; under a name of an ended cycle it goes on record and lives by the rules', async () => {
  const { db, snapshotId, shelf, settle, shown } = await patchedDaysAgo(8);
  await db.snapshotRecord.deleteMany();
  expect(await settle(shelf(snapshotId, 'by-hand'))).toMatchObject([{ snapshotId }]);
  expect(await shown()).toMatchObject({ snapshots: [{ snapshotId, keep: false }], leaks: [{ name: 'by-hand' }] });
  await settle(shelf());
  expect((await shown()).leaks).toEqual([]);
});
