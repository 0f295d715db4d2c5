/**
 * Steps 1 and 2 as rows: what is there, who did not answer, what is unmanaged, and which policy each endpoint falls
 * into.
 */
import type { EndpointReference, SurveyInput } from '../../domain/rollout/cycle.ts';
import type { Inventory } from '../../domain/endpoints/endpoint.ts';
import { digestOf, toJson } from '../../record/audit.ts';
import type { Tenants } from '../../record/database.ts';
import type { Sighting } from '../ports/network.ts';
import { readCycle, referenceTo } from '../../record/cycle.ts';
import { clientIdOf } from '../../domain/ids.ts';
import { wherePlanned } from '../../record/endpoints/plans.ts';
import { bound } from '../bound.ts';

/** Inventories pass through the survey's history: a page must stay small. */
const pageSize = 40;

type Ports = { tenants: Tenants };

export function discoveryActivities(ports: Ports) {
  return bound(ports, {
    endpointsToSurvey,
    recordInventory,
    recordSilence,
    recordSightings,
    summariseDiscovery,
  });
}

/** The next page of a site's endpoints for a survey; those that fell silent in discovery are not asked again. */
async function endpointsToSurvey(
  { tenants }: Ports,
  {
    input,
    after,
  }: {
    input: SurveyInput;
    after: string | null;
  },
): Promise<readonly EndpointReference[]> {
  const { db, cycle } = await readCycle(tenants, input.cycleId);
  const beyond = after === null ? {} : { id: { gt: after } };
  const inPolicy = {
    cycleId: input.cycleId,
    online: true,
    policyName: cycle.policyVersion.name,
    // Of a rollout under way, those that a successor has opened again: an endpoint that has ended is not planned again.
    ...(input.step === 'rollout' ? { outcome: null } : {}),
  };
  const endpoints = await db.endpoint.findMany({
    where: {
      siteId: input.site.siteId,
      retiredAt: null,
      enrolledAt: { not: null },
      ...beyond,
      ...(input.step === 'discovery' ? {} : { inCycles: { some: inPolicy } }),
    },
    orderBy: { id: 'asc' },
    take: pageSize,
  });
  return endpoints.map(referenceTo);
}

async function recordInventory(
  { tenants }: Ports,
  {
    input,
    endpointId,
    inventory,
  }: {
    input: SurveyInput;
    endpointId: string;
    inventory: Inventory;
  },
): Promise<void> {
  const { cycleId, clientId, step } = input;
  const db = tenants.forClient(clientId);
  const id = `${cycleId}/${endpointId}/${step}`;
  const content = toJson(inventory);
  const takenAt = new Date(inventory.takenAt);
  const row = { takenAt, digest: digestOf(inventory), content };
  await db.$transaction([
    db.inventory.upsert({
      where: { id },
      create: { id, clientId, endpointId, cycleId, step, ...row },
      update: row,
    }),
    db.endpoint.update({ where: { id: endpointId }, data: { lastSeenAt: takenAt } }),
    db.cycleEndpoint.upsert({
      where: { cycleId_endpointId: { cycleId, endpointId } },
      create: { cycleId, endpointId, clientId, siteId: input.site.siteId, because: [], online: true },
      update: { online: true, silentBecause: null },
    }),
  ]);
}

/** An endpoint that did not answer a survey is a finding: silent in discovery, unknown in what was asked later. */
async function recordSilence(
  { tenants }: Ports,
  {
    input,
    endpointId,
    because,
  }: {
    input: SurveyInput;
    endpointId: string;
    because: string;
  },
): Promise<void> {
  const { cycleId, clientId, step } = input;
  const online = input.subject === 'inventory' && step === 'discovery' ? { online: false } : {};
  const db = tenants.forClient(clientId);
  // What could not be tried by a dry run is not installed.
  if (input.subject === 'plan')
    await db.cyclePatch.updateMany({
      where: { cycleId, endpointId, ...wherePlanned },
      data: { decision: 'dropped', because: [`no dry run could be made: ${because}`] },
    });
  await db.cycleEndpoint.upsert({
    where: { cycleId_endpointId: { cycleId, endpointId } },
    create: {
      cycleId,
      endpointId,
      clientId,
      siteId: input.site.siteId,
      because: [],
      ...online,
      silentBecause: because,
    },
    update: { ...online, silentBecause: `${step}: ${because}` },
  });
}

async function recordSightings(
  { tenants }: Ports,
  {
    cycleId,
    siteId,
    network,
    sightings,
    because,
  }: {
    cycleId: string;
    siteId: string;
    network: { cidr: string };
    sightings: readonly Sighting[];
    because: string;
  },
): Promise<void> {
  const clientId = clientIdOf(cycleId);
  const db = tenants.forClient(clientId);
  const endpoints = await db.endpoint.findMany({ where: { siteId } });
  const managed = new Map(
    endpoints.flatMap((endpoint) => {
      const address = referenceTo(endpoint).address;
      return address && 'host' in address ? [[sightingKey(address), endpoint.id] as const] : [];
    }),
  );
  const seenAt = new Date();
  await db.sighting.createMany({
    skipDuplicates: true,
    data: sightings.map((sighting) => ({
      cycleId,
      siteId,
      clientId,
      address: sighting.address,
      macAddress: sighting.macAddress,
      endpointId: managed.get(sighting.address) ?? null,
      seenAt,
    })),
  });
  const note = { id: `${cycleId}/${siteId}/scan/${network.cidr}`, cycleId, siteId, clientId, cidr: network.cidr };
  const row = { found: sightings.length, because, scannedAt: seenAt };
  await db.networkScan.upsert({ where: { id: note.id }, create: { ...note, ...row }, update: row });
}

async function summariseDiscovery(
  { tenants }: Ports,
  { cycleId }: { cycleId: string },
): Promise<{ readonly because: readonly string[] }> {
  const clientId = clientIdOf(cycleId);
  const db = tenants.forClient(clientId);
  const neverEnrolled = await db.endpoint.findMany({ where: { enrolledAt: null, retiredAt: null } });
  await db.cycleEndpoint.createMany({
    skipDuplicates: true,
    data: neverEnrolled.map(({ id, siteId }) => ({
      cycleId,
      endpointId: id,
      clientId,
      siteId,
      because: [],
      silentBecause: 'it has never enrolled',
    })),
  });
  const [answered, silent, unmanaged, scans] = await Promise.all([
    db.cycleEndpoint.count({ where: { cycleId, online: true } }),
    db.cycleEndpoint.findMany({ where: { cycleId, online: false }, orderBy: { endpointId: 'asc' } }),
    db.sighting.findMany({ where: { cycleId, endpointId: null }, orderBy: { address: 'asc' } }),
    db.networkScan.findMany({ where: { cycleId }, orderBy: { id: 'asc' } }),
  ]);
  return {
    because: [
      `${answered} endpoints answered, ${silent.length} silent, ${unmanaged.length} unmanaged`,
      ...silent.map((row) => `${row.endpointId} is silent: ${row.silentBecause}`),
      ...unmanaged.map((row) => `${row.address} at ${row.siteId} is on the network and not managed`),
      ...scans.map((scan) => `${scan.cidr}: ${scan.because}`),
    ],
  };
}

/** Simulated endpoints share an address and differ by port; a scan of theirs reports both. */
function sightingKey(address: { host: string; port: number }): string {
  return address.host.startsWith('127.') ? `${address.host}:${address.port}` : address.host;
}
