import { fileURLToPath } from 'node:url';
import { supportFiles } from '../activities/adapters/feeds/files.ts';
import { readCycleFacts } from '../activities/cycle-facts.ts';
import { clientIdOf } from '../domain/cycle.ts';
import type { CycleFacts } from '../domain/cycle-facts.ts';
import { badInput } from './exit.ts';
import type { Running } from './running.ts';

const dataFolder = fileURLToPath(new URL('../data', import.meta.url));

/** Everything that is recorded of a cycle. Throws a sentence when there is none of that id. */
export async function readFacts({ tenants }: Pick<Running, 'tenants'>, cycleId: string): Promise<CycleFacts> {
  const clientId = cycleId.includes('/') ? clientIdOf(cycleId) : '';
  const cycle = await tenants.forClient(clientId).cycle.findUnique({ where: { id: cycleId } });
  if (!cycle) throw badInput(`There is no cycle ${cycleId}. See: patchcycle cycle list`);
  return readCycleFacts({ tenants, support: supportFiles(dataFolder) }, cycleId);
}
