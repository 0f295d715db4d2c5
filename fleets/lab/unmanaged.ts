import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { namespacePrefix, siteNamespace } from './layout.ts';
import { ensureLink, listens } from './network.ts';
import { httpServer } from './repository.ts';
import { startService } from './service.ts';
import { openLab, siteNamed } from './state.ts';
import { until } from './until.ts';

/**
 * Puts something unmanaged on a site's network: a small web server at `address` (10.77.N.x), port 80, with a
 * network namespace of its own. Repeating is harmless; `down` removes it.
 */
export async function plugUnmanaged(
  directory: string,
  site: string,
  { address }: { readonly address: string },
): Promise<void> {
  const { lab, state } = openLab(directory);
  const { name, number } = siteNamed(state, site);
  if (!address.startsWith(`10.77.${number}.`)) throw new Error(`${address} is not on ${name}, 10.77.${number}.0/24.`);
  const namespace = `${namespacePrefix(lab)}unmanaged-${address}`;
  await ensureLink(namespace, address, siteNamespace(lab, name));
  const folder = join(lab.run, 'unmanaged');
  mkdirSync(folder, { recursive: true });
  await startService(lab, `unmanaged-${address}`, httpServer(address, 80, folder), namespace);
  await until(`the web server at ${address} listens`, () => listens(namespace, 80), 15_000);
}
