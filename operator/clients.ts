/** Which client, and which of its policies, is meant where a person need not say it. */
import type { Policy } from '../domain/policies/policy.ts';
import { clientIds } from '../record/cycle.ts';
import type { Running } from './connect.ts';
import { InvalidRequest } from './errors.ts';

type Connections = Pick<Running, 'tenants'>;

/**
 * The only client there is, or the one that was named.
 * @throws InvalidRequest when there is none of that name, or it has to be named
 */
export async function clientIdFor({ tenants }: Connections, named: string | undefined): Promise<string> {
  const ids = await clientIds(tenants);
  if (named) {
    if (ids.includes(named)) return named;
    throw new InvalidRequest(
      `There is no client ${named}; there is ${ids.join(', ') || 'none: apply its files first'}.`,
    );
  }
  const [only, ...others] = ids;
  if (!only) throw new InvalidRequest('There is no client yet. Apply its files with: patchcycle apply -f DIR');
  if (others.length > 0) throw new InvalidRequest(`Say which client: --client ${ids.join(' or ')}.`);
  return only;
}

/**
 * The only policy of a client that applies to anything, or the one that was named.
 * @throws InvalidRequest when none of that name is in force, or it has to be named
 */
export async function policyFor(
  { tenants }: Connections,
  clientId: string,
  named: string | undefined,
): Promise<string> {
  const db = tenants.forClient(clientId);
  const inForce = (await db.client.findFirst())?.policyNames ?? [];
  if (named && !inForce.includes(named))
    throw new InvalidRequest(
      `No policy ${named} is in force for ${clientId}; there is ${inForce.join(', ') || 'none'}.`,
    );
  if (named) return named;
  const versions = await db.policyVersion.findMany({
    where: { name: { in: inForce } },
    orderBy: { version: 'desc' },
    distinct: ['name'],
  });
  const applying = versions.filter((version) => (version.content as Pick<Policy, 'applies'>).applies !== null);
  const [only, ...others] = applying.map((version) => version.name);
  if (!only || others.length > 0)
    throw new InvalidRequest(`Say which policy: --policy ${applying.map((version) => version.name).join(' or ')}.`);
  return only;
}
