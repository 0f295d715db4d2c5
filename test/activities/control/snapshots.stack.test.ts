/** What the clean-up records, against a database: nothing is lost by a crash between an order, the deletion and its record. */
import { expect, test } from 'vitest';
import { retentionActivities } from '../../../activities/control/snapshots.ts';
import { readSnapshots } from '../../../operator/snapshots.ts';
import { appliedClient } from '../../setup/record/applied-client.ts';
import { snapshotNameOf } from '../../../record/names.ts';
import type { ListedSnapshots } from '../../../domain/snapshots/inventory.ts';

const day = 24 * 60 * 60 * 1000;
const daysAgo = (days: number) => new Date(Date.now() - days * day);
const now = () => new Date().toISOString();

/** An endpoint that a cycle has patched some days ago, with a snapshot that is kept for seven. */
async function patchedDaysAgo(days: number) {
  const { tenants, clientId } = await appliedClient();
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
  const life = retentionActivities({ tenants, workflows: { status: async () => ({ state: 'unheard of' }) } });
  const listedAs = (...ids: string[]): ListedSnapshots[] => [
    {
      endpointId: endpoint.id,
      snapshots: ids.map((id) => ({ snapshotId: id, endpointId: endpoint.id, takenAt: daysAgo(days).toISOString() })),
    },
  ];
  const reconcile = (listed: readonly ListedSnapshots[]) => life.reconcileSnapshots({ site, listed, listedAt: now() });
  const shown = () => readSnapshots({ tenants }, clientId);
  const record = () => db.snapshotRecord.findUniqueOrThrow({ where: { id: snapshotId } });
  return { db, site, life, work, snapshotId, listedAs, reconcile, shown, record };
}

test('a deletion is ordered on record before it is done, and is ordered again until it is recorded as done', async () => {
  const { site, life, snapshotId, listedAs, reconcile, record } = await patchedDaysAgo(8);
  for (let round = 0; round < 2; round += 1)
    expect(await reconcile(listedAs(snapshotId))).toMatchObject([{ snapshotId }]);
  expect(await record()).toMatchObject({ deletionOrderedAt: expect.any(Date) as Date, deletedAt: null });
  await life.recordSnapshotsDeleted({ site, removals: [{ name: snapshotId, failedBecause: null }] });
  expect((await record()).deletedAt).not.toBeNull();
  expect(await reconcile(listedAs())).toEqual([]);
});

test('after a crash between the deletion and its record, the clean-up finds it gone and records that', async () => {
  const { db, snapshotId, listedAs, reconcile, record } = await patchedDaysAgo(8);
  await reconcile(listedAs(snapshotId));
  expect(await reconcile(listedAs())).toEqual([]);
  expect(await record()).toMatchObject({ deletedAt: expect.any(Date) as Date, missingSinceAt: null });
  const told = await db.auditEvent.findMany({ where: { subject: snapshotId }, orderBy: { sequence: 'asc' } });
  expect(told.map(({ action }) => action)).toEqual(['order deletion of snapshot', 'delete snapshot']);
});

test('one that cannot be deleted stays ordered, and says why', async () => {
  const { site, life, snapshotId, listedAs, reconcile, record } = await patchedDaysAgo(8);
  await reconcile(listedAs(snapshotId));
  await life.recordSnapshotsDeleted({ site, removals: [{ name: snapshotId, failedBecause: 'the disk is read-only' }] });
  expect(await record()).toMatchObject({ deletedAt: null, because: [expect.stringContaining('read-only') as string] });
  expect(await reconcile(listedAs(snapshotId))).toHaveLength(1);
});

test('nothing is deleted while another cycle is at work on the endpoint, or its driver does not answer', async () => {
  const { db, work, snapshotId, listedAs, reconcile, record } = await patchedDaysAgo(8);
  expect(await reconcile([{ endpointId: work.endpointId, snapshots: null }])).toEqual([]);
  await db.cycleEndpoint.updateMany({ where: work, data: { state: 'rolling back' } });
  expect(await reconcile(listedAs(snapshotId))).toEqual([]);
  expect((await record()).deletionOrderedAt).toBeNull();
});

test('one that is gone is told once and shown, and is forgotten when it is found again', async () => {
  const { db, snapshotId, listedAs, reconcile, shown } = await patchedDaysAgo(1);
  await reconcile(listedAs());
  await reconcile(listedAs());
  expect((await shown()).snapshots).toMatchObject([
    { snapshotId, keep: true, missingSinceAt: expect.any(String) as string },
  ]);
  const told = { where: { subject: snapshotId, action: 'escalate' } };
  expect(await db.auditEvent.count(told)).toBe(1);
  await reconcile(listedAs(snapshotId));
  expect((await shown()).snapshots).toMatchObject([{ snapshotId, missingSinceAt: null }]);
});

test('what is on no record is told; under a name of an ended cycle it goes on record and lives by the rules', async () => {
  const { db, snapshotId, listedAs, reconcile, shown } = await patchedDaysAgo(8);
  await db.snapshotRecord.deleteMany();
  expect(await reconcile(listedAs(snapshotId, 'by-hand'))).toMatchObject([{ snapshotId }]);
  expect(await shown()).toMatchObject({ snapshots: [{ snapshotId, keep: false }], leaks: [{ name: 'by-hand' }] });
  await reconcile(listedAs());
  expect((await shown()).leaks).toEqual([]);
});
