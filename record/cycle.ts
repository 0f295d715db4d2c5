/** What several activities read first: the cycle they work for, and an endpoint as workflows refer to it. */
import type { EndpointReference } from '../domain/rollout/cycle.ts';
import type { AgentAddress } from '../domain/endpoints/endpoint.ts';
import type { Policy } from '../domain/policies/policy.ts';
import type { Tenants } from './database.ts';
import { clientIdOf, siteTaskQueue } from '../domain/ids.ts';
import { RecordRefusal } from './errors.ts';

/** The cycle's row with the policy it follows, and its client's part of the database. */
export async function readCycle(tenants: Tenants, cycleId: string) {
  const db = tenants.forClient(clientIdOf(cycleId));
  const cycle = await db.cycle.findUnique({ where: { id: cycleId }, include: { policyVersion: true } });
  if (!cycle) throw new RecordRefusal('CycleUnknown', `there is no cycle ${cycleId}`);
  return { db, cycle, policy: cycle.policy as unknown as Policy };
}

/** What the change record says of a safeguard that the policy leaves out: who answers for it. */
export function waivedBy(version: { name: string; version: number; appliedBy: string }): string {
  return `waived by policy ${version.name}, version ${version.version}, applied by ${version.appliedBy}`;
}

export function referenceTo(endpoint: { id: string; siteId: string; address: unknown }): EndpointReference {
  return {
    endpointId: endpoint.id,
    address: endpoint.address as AgentAddress,
    taskQueue: siteTaskQueue(endpoint.siteId),
  };
}

export async function clientIds(tenants: Tenants): Promise<readonly string[]> {
  const clients = await tenants.everybody.client.findMany({ select: { id: true }, orderBy: { id: 'asc' } });
  return clients.map(({ id }) => id);
}
