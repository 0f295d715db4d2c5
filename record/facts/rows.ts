/** Everything that was recorded of a cycle, as rows. */
import type { Tenants } from '../database.ts';
import { readCycle } from '../cycle.ts';
import { mainRecord } from '../cycles/change-records.ts';

export type CycleRows = Awaited<ReturnType<typeof readRows>>;

export async function readRows(tenants: Tenants, cycleId: string) {
  const { db, cycle, policy } = await readCycle(tenants, cycleId);
  const [client, sites, members, stepRows, tests, record, gates, sightings, inventories, evidence, snapshots] =
    await Promise.all([
      db.client.findUniqueOrThrow({ where: { id: cycle.clientId } }),
      db.site.findMany({ orderBy: { id: 'asc' } }),
      db.cycleEndpoint.findMany({
        where: { cycleId },
        include: { endpoint: true, patches: { orderBy: [{ package: 'asc' }, { architecture: 'asc' }] } },
        orderBy: { endpointId: 'asc' },
      }),
      db.cycleStep.findMany({ where: { cycleId } }),
      db.sandboxTest.findMany({ where: { cycleId }, orderBy: { attempt: 'asc' } }),
      mainRecord(db, cycleId),
      db.gateVerdict.findMany({ where: { cycleId }, orderBy: { judgedAt: 'asc' } }),
      db.sighting.findMany({ where: { cycleId, endpointId: null }, orderBy: { address: 'asc' } }),
      db.inventory.findMany({ where: { cycleId }, orderBy: { takenAt: 'asc' } }),
      db.evidence.findMany({ where: { cycleId }, orderBy: { takenAt: 'asc' } }),
      db.snapshotRecord.findMany({ where: { cycleId } }),
    ]);
  const ofPolicy = members.filter((member) => member.policyName === cycle.policyVersion.name);
  return {
    cycle,
    policy,
    client,
    sites,
    members,
    ofPolicy,
    stepRows,
    tests,
    record,
    gates,
    sightings,
    inventories,
    evidence,
    snapshots,
  };
}
