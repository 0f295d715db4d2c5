/** What several activities read first: the cycle they work for, and an endpoint as workflows refer to it. */
import { ApplicationFailure } from '@temporalio/activity';
import { type EndpointReference, clientIdOf, siteTaskQueue } from '../domain/cycle.ts';
import type { AgentAddress } from '../domain/endpoint.ts';
import type { Policy } from '../domain/policy.ts';
import type { Tenants } from './ports/database.ts';

/** Of a patch set: what is, or is about to be, in the change record. */
export const isPlanned = { decision: { in: ['approved', 'added'] } };

/** The cycle's row with the policy it follows, and its client's part of the database. */
export async function openCycleOf(tenants: Tenants, cycleId: string) {
  const db = tenants.forClient(clientIdOf(cycleId));
  const cycle = await db.cycle.findUnique({ where: { id: cycleId }, include: { policyVersion: true } });
  if (!cycle) throw ApplicationFailure.nonRetryable(`there is no cycle ${cycleId}`, 'CycleUnknown');
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

/** Rows by a key, in the order in which the keys first appear. */
export function grouped<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}
