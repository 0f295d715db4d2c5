/** Step 2 as rows: which segment and which policy each endpoint falls into. */
import { readCycle } from '../../record/cycle.ts';
import { newestInventories } from '../../record/endpoints/inventories.ts';
import { categorize } from '../../domain/policies/segments.ts';
import type { SegmentRule, Policy, StatedEndpoint, Criticality } from '../../domain/policies/policy.ts';
import { nameIn } from '../../domain/ids.ts';
import type { Database, Tenants } from '../../record/database.ts';
import { bound } from '../bound.ts';

type Ports = { tenants: Tenants };

export function categorizationActivities(ports: Ports) {
  return bound(ports, { categorizeEndpoints });
}

/** Puts every endpoint of the client that is in the cycle into a segment and exactly one policy, with the reason. */
async function categorizeEndpoints(
  { tenants }: Ports,
  { cycleId }: { cycleId: string },
): Promise<{ readonly because: readonly string[] }> {
  const { db, cycle } = await readCycle(tenants, cycleId);
  const client = await db.client.findUniqueOrThrow({ where: { id: cycle.clientId } });
  const policies = await newestPolicies(db, client.policyNames);
  const rows = await db.cycleEndpoint.findMany({ where: { cycleId }, include: { endpoint: true } });
  const inventories = await newestInventories(db, cycleId);
  const counts = new Map<string, number>();
  for (const row of rows) {
    const inventory = inventories.get(row.endpointId);
    const category = categorize({
      endpoint: statedOf(row.endpoint),
      inventory: inventory ? { os: inventory.os, virtualization: inventory.hardware.virtualization } : null,
      segments: client.segments as unknown as SegmentRule[],
      policies,
    });
    await db.cycleEndpoint.update({
      where: { cycleId_endpointId: { cycleId, endpointId: row.endpointId } },
      data: { segment: category.segment, policyName: category.policy, because: [...category.because] },
    });
    const where = category.policy ?? 'no policy';
    counts.set(where, (counts.get(where) ?? 0) + 1);
  }
  return {
    because: [...counts]
      .map(([policy, count]) => `${count} endpoints in ${policy}`)
      .concat(rows.length ? [] : ['no endpoint answered']),
  };
}

/** The newest version of each policy in force. */
async function newestPolicies(db: Database, names: readonly string[]): Promise<Policy[]> {
  const versions = await db.policyVersion.findMany({
    where: { name: { in: [...names] } },
    orderBy: [{ name: 'asc' }, { version: 'desc' }],
    distinct: ['name'],
  });
  return versions.map((version) => version.content as unknown as Policy);
}

function statedOf(endpoint: {
  name: string;
  siteId: string;
  role: string | null;
  criticality: string;
  owner: string | null;
  redundancyGroup: string | null;
  tags: string[];
}): StatedEndpoint {
  const { name, role, criticality, owner, redundancyGroup, tags } = endpoint;
  return {
    name,
    siteId: nameIn(endpoint.siteId),
    role,
    criticality: criticality as Criticality,
    owner,
    redundancyGroup,
    tags,
  };
}
