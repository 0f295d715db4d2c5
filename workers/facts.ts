/** What is recorded, for those who ask: the command line. */
import { fileURLToPath } from 'node:url';
import { supportFiles } from '../activities/adapters/feeds/files.ts';
import { readCycleFacts } from '../activities/cycle-facts.ts';
import type { Tenants } from '../activities/ports/database.ts';
import { standingsOf } from '../activities/standings.ts';
import { clientIdOf } from '../domain/cycle.ts';
import type { CycleFacts } from '../domain/cycle-facts.ts';
import { type PersonNeeded, personNeededFor } from '../domain/person-needed.ts';
import { unknownCycle } from './refusals.ts';

const dataFolder = fileURLToPath(new URL('../data', import.meta.url));

/**
 * Everything that is recorded of a cycle.
 * @throws AskedWrongly when there is none of that id
 */
export async function readFacts({ tenants }: { readonly tenants: Tenants }, cycleId: string): Promise<CycleFacts> {
  const clientId = cycleId.includes('/') ? clientIdOf(cycleId) : '';
  const cycle = await tenants.forClient(clientId).cycle.findUnique({ where: { id: cycleId } });
  if (!cycle) throw unknownCycle(cycleId);
  return readCycleFacts({ tenants, support: supportFiles(dataFolder) }, cycleId);
}

/**
 * Which of an endpoint's rows count: those of cycles of the policy it falls into. A cycle looks at every endpoint of the
 * client, and works on those of its policy.
 */
export async function inCyclesOfItsPolicy({ tenants }: { readonly tenants: Tenants }, clientId: string) {
  const policies = await tenants
    .forClient(clientId)
    .policyVersion.findMany({ distinct: ['name'], select: { name: true } });
  return { OR: policies.map(({ name }) => ({ policyName: name, cycle: { policyVersion: { name } } })) };
}

/** Endpoints that only a person can help, by their ids. */
export async function personsNeeded(
  { tenants }: { readonly tenants: Tenants },
  clientId: string,
): Promise<ReadonlyMap<string, PersonNeeded>> {
  const db = tenants.forClient(clientId);
  const needy = await db.cycleEndpoint.findMany({
    where: { OR: [{ outcome: 'quarantined' }, { state: 'unknown' }] },
    distinct: ['endpointId'],
    select: { endpointId: true },
  });
  const standings = await standingsOf(
    db,
    needy.map((row) => row.endpointId),
  );
  return new Map(
    needy.flatMap(({ endpointId }) => {
      const needed = personNeededFor(standings.get(endpointId) ?? []);
      return needed ? [[endpointId, needed]] : [];
    }),
  );
}
