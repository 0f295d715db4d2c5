/** What a person orders of an endpoint, whichever cycle works on it. */
import { releaseEndpoint } from '../activities/endpoint-releases.ts';
import type { PersonsWord } from '../domain/cycle.ts';
import { AskedWrongly } from './refusals.ts';
import type { Running } from './running.ts';

/**
 * Releases an endpoint from quarantine, and tells the cycles that run: one of them may wait for the budget it used.
 * @throws AskedWrongly when the client has no such endpoint
 */
export async function releaseFromQuarantine(
  { tenants, temporal }: Pick<Running, 'tenants' | 'temporal'>,
  { clientId, name }: { readonly clientId: string; readonly name: string },
  word: PersonsWord,
): Promise<string> {
  const db = tenants.forClient(clientId);
  const endpoint = await db.endpoint.findFirst({ where: { name } });
  if (!endpoint) throw new AskedWrongly(`Client ${clientId} has no endpoint ${name}. See: patchcycle endpoints`);
  const order = { clientId, endpointId: endpoint.id, word, at: new Date().toISOString() };
  const { because } = await releaseEndpoint(tenants, order);
  const running = await db.cycle.findMany({ where: { state: 'running' }, select: { id: true } });
  if (running.length > 0) {
    const { nudge } = await import('./telling.ts');
    for (const { id } of running) await nudge(await temporal(), id);
  }
  return (
    `${because}. It uses its site's budget no more. Nothing was observed: ` +
    'a later cycle proves it, and its snapshot is kept until one has.'
  );
}
