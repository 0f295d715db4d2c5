import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { endOf, run } from '../../activities/adapters/command.ts';

/**
 * Networks of the lab. A site is a network namespace with a bridge in it and no route but to the bridge, so nothing
 * on it, scan or call, can leave this machine. An endpoint is a namespace with a link to its site's bridge.
 */
const namespaceFolder = '/run/netns';
const bridge = 'lan';

/** The argv prefix that runs a command with a namespace's network and everything else of this machine. */
export function commandInNamespace(namespace: string): readonly string[] {
  // Not `ip netns exec`: that also hides the cgroups, and mounts made under it stay unseen outside.
  return ['nsenter', `--net=${join(namespaceFolder, namespace)}`, '--'];
}

/** A namespace with a bridge at `gateway` (/24). */
export async function ensureSiteNetwork(namespace: string, gateway: string): Promise<void> {
  if (await holds(namespace, bridge, gateway)) return;
  await freshNamespace(namespace);
  await ip(namespace, ['link', 'add', bridge, 'type', 'bridge']);
  await bringUp(namespace, bridge, gateway);
}

/** A namespace with `eth0` at `address` (/24), plugged into a site's bridge. */
export async function ensureLink(namespace: string, address: string, siteNamespace: string): Promise<void> {
  if (await holds(namespace, 'eth0', address)) return;
  await freshNamespace(namespace);
  const port = `port-${address.split('.').at(-1)}`;
  await ip(siteNamespace, ['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
  await ip(siteNamespace, ['link', 'set', port, 'master', bridge, 'up']);
  await ip(namespace, ['link', 'set', 'eth0', 'address', hardwareAddress(namespace)]);
  await bringUp(namespace, 'eth0', address);
}

/** A namespace with `eth0` at `address` (/24), whose other end is in the same namespace: it leads nowhere. */
export async function ensureLoneLink(namespace: string, address: string): Promise<void> {
  if (await holds(namespace, 'eth0', address)) return;
  await freshNamespace(namespace);
  await ip(namespace, ['link', 'add', 'far-end', 'type', 'veth', 'peer', 'name', 'eth0']);
  await ip(namespace, ['link', 'set', 'far-end', 'up']);
  await bringUp(namespace, 'eth0', address);
}

/** Removes a namespace with all its links; gone is fine. Stop what runs in it first, or it lives on. */
export async function removeNamespace(namespace: string): Promise<void> {
  if (existsSync(join(namespaceFolder, namespace))) await run(['ip', 'netns', 'delete', namespace]);
}

/** Names of namespaces that begin with a prefix. */
export function namespacesWith(prefix: string): readonly string[] {
  if (!existsSync(namespaceFolder)) return [];
  return readdirSync(namespaceFolder).filter((name) => name.startsWith(prefix));
}

/** Whether something in the namespace listens on a TCP port. */
export async function listens(namespace: string, port: number): Promise<boolean> {
  const sockets = await run([...commandInNamespace(namespace), 'ss', '-Hltn', `sport = :${port}`]);
  return sockets.trim() !== '';
}

/** An earlier attempt may have stopped between two commands: what is not whole is made again. */
async function holds(namespace: string, link: string, address: string): Promise<boolean> {
  if (!existsSync(join(namespaceFolder, namespace))) return false;
  const shown = await endOf(['ip', '-n', namespace, '-brief', 'address', 'show', 'dev', link, 'up']);
  return shown.stdout.includes(` ${address}/24`);
}

async function freshNamespace(namespace: string): Promise<void> {
  await removeNamespace(namespace);
  await run(['ip', 'netns', 'add', namespace]);
  await ip(namespace, ['link', 'set', 'lo', 'up']);
}

/** The address comes last: a link that has it and is up is whole. */
async function bringUp(namespace: string, link: string, address: string): Promise<void> {
  await ip(namespace, ['link', 'set', link, 'up']);
  await ip(namespace, ['address', 'add', `${address}/24`, 'dev', link]);
}

async function ip(namespace: string, argv: readonly string[]): Promise<void> {
  await run(['ip', '-n', namespace, ...argv]);
}

/** Locally administered, the same whenever the lab is made again. */
function hardwareAddress(namespace: string): string {
  const digits = createHash('sha256').update(namespace).digest('hex').slice(0, 10);
  return ['02', ...(digits.match(/../g) ?? [])].join(':');
}
