import { join } from 'node:path';
import { siteNamespace, type LabLayout } from './layout.ts';
import { commandInNamespace, listens } from './network.ts';
import { answersAt, servicesWith, startService, stopService } from './service.ts';
import { openLab, siteNamed, type LabSite } from './state.ts';
import { until } from './until.ts';

/**
 * Ways out of a site. A site's namespace has no route, so whatever may be reached from it is reached through a socket
 * file, relayed on both sides; nothing else can be.
 */

/**
 * Lets every site reach 127.0.0.1:`hostPort` of this machine (a Temporal server) at the same address and port of its
 * own. There is one such passage at a time: a call with another port closes the one before. Repeating is harmless.
 */
export async function openPassage(directory: string, { hostPort }: { readonly hostPort: number }): Promise<void> {
  const { lab, state } = openLab(directory);
  const way = `passage-${hostPort}`;
  for (const service of servicesWith(lab, 'passage-')) {
    if (service !== way && !service.startsWith(`${way}-`)) await stopService(lab, service);
  }
  await relayFromHost(lab, way, hostPort);
  for (const site of state.sites) await relayIntoSite(lab, site, way, '127.0.0.1', hostPort);
}

/** The argv prefix that runs a command, such as a worker, on a site's network. */
export function commandInSite(directory: string, site: string): readonly string[] {
  const { lab, state } = openLab(directory);
  return commandInNamespace(siteNamespace(lab, siteNamed(state, site).name));
}

/** Makes a port of this machine answer at the socket file of a way out. */
export async function relayFromHost(lab: LabLayout, way: string, hostPort: number): Promise<void> {
  const socketPath = socketOf(lab, way);
  await startService(lab, way, ['socat', `UNIX-LISTEN:${socketPath},fork,unlink-early`, `TCP:127.0.0.1:${hostPort}`]);
  await until(`${way} is open`, () => answersAt(socketPath), 5000);
}

/** Makes the socket file of a way out answer at an address inside a site. */
export async function relayIntoSite(
  lab: LabLayout,
  site: LabSite,
  way: string,
  address: string,
  port: number,
): Promise<void> {
  const namespace = siteNamespace(lab, site.name);
  const service = `${way}-${site.name}`;
  const listen = `TCP-LISTEN:${port},bind=${address},fork,reuseaddr`;
  await startService(lab, service, ['socat', listen, `UNIX-CONNECT:${socketOf(lab, way)}`], namespace);
  await until(`${service} listens`, () => listens(namespace, port), 5000);
}

function socketOf(lab: LabLayout, way: string): string {
  return join(lab.run, `${way}.sock`);
}
