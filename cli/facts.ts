import { fileURLToPath } from 'node:url';
import { supportFiles } from '../activities/adapters/feeds/files.ts';
import { readCycleFacts } from '../activities/cycle-facts.ts';
import { clientIdOf } from '../domain/cycle.ts';
import type { CycleFacts } from '../domain/cycle-facts.ts';
import { type Exit, badInput } from './exit.ts';
import type { Running } from './running.ts';

const dataFolder = fileURLToPath(new URL('../data', import.meta.url));

/** Everything that is recorded of a cycle. Throws a sentence when there is none of that id. */
export async function readFacts({ tenants }: Pick<Running, 'tenants'>, cycleId: string): Promise<CycleFacts> {
  const clientId = cycleId.includes('/') ? clientIdOf(cycleId) : '';
  const cycle = await tenants.forClient(clientId).cycle.findUnique({ where: { id: cycleId } });
  if (!cycle) throw unknownCycle(cycleId);
  return readCycleFacts({ tenants, support: supportFiles(dataFolder) }, cycleId);
}

export function unknownCycle(cycleId: string): Exit {
  return badInput(`There is no cycle ${cycleId}. See: patchcycle cycle list`);
}

/**
 * Which of an endpoint's rows count: those of cycles of the policy it falls into. A cycle looks at every endpoint of the
 * client, and works on those of its policy.
 */
export async function inCyclesOfItsPolicy({ tenants }: Pick<Running, 'tenants'>, clientId: string) {
  const policies = await tenants
    .forClient(clientId)
    .policyVersion.findMany({ distinct: ['name'], select: { name: true } });
  return { OR: policies.map(({ name }) => ({ policyName: name, cycle: { policyVersion: { name } } })) };
}
