import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endOf } from '../../activities/adapters/command.ts';
import { claimPort } from '../../embedded/ports.ts';
import { cacheDirectory } from './base.ts';
import type { LabLayout } from './layout.ts';
import type { Mirror } from './mirror.ts';
import { relayFromHost, relayIntoSite } from './passage.ts';
import { isServiceRunning, startService, stopService } from './service.ts';
import { gatewayOf, type LabSite } from './state.ts';
import { until } from './until.ts';

/** Where endpoints fetch packages, at their site's gateway. */
export const cachePort = 3142;
const service = 'cache';
/** More labs than this at once find no free cache. */
const slots = 16;
/** flock's exit code for a lock that is held. */
const held = '200';

/** Starts the lab's package cache and makes it answer at every site's gateway. */
export async function startCache(lab: LabLayout, sites: readonly LabSite[], mirror: Mirror): Promise<void> {
  const way = `${service}-way`;
  if (!isServiceRunning(lab, service) || !isServiceRunning(lab, way)) {
    await stopService(lab, way);
    await stopService(lab, service);
    await relayFromHost(lab, way, await startOnFreeSlot(lab, mirror));
  }
  for (const site of sites) await relayIntoSite(lab, site, way, gatewayOf(site), cachePort);
}

/**
 * What was fetched is kept from lab to lab. Two caches must not share a folder, so each holds the lock of one as long
 * as it lives: the kernel frees it however it ends. Gives the port on 127.0.0.1 (apt-cacher-ng 3.7 accepts
 * connections at a socket file, and answers none).
 */
async function startOnFreeSlot(lab: LabLayout, mirror: Mirror): Promise<number> {
  for (let slot = 1; slot <= slots; slot += 1) {
    const packages = join(cacheDirectory, `packages-${slot}`);
    // Below 32768, as all that are given out: apt-cacher-ng refuses those above. A taken one is left with its slot.
    const port = await claimPort();
    mkdirSync(packages, { recursive: true });
    const configuration = writeConfiguration(lab, mirror, packages, port);
    const lock = ['flock', '--nonblock', '--conflict-exit-code', held, join(packages, '.lock')];
    await startService(lab, service, [...lock, 'apt-cacher-ng', '-c', configuration, 'ForeGround=1']);
    let answers = false;
    const decided = async (): Promise<boolean> => {
      const asked = await endOf(['curl', '--silent', '--max-time', '5', `http://127.0.0.1:${port}/`]);
      answers = asked.status === 0;
      return answers || !isServiceRunning(lab, service);
    };
    await until('the package cache answers', decided, 15_000);
    if (answers && isServiceRunning(lab, service)) return port;
  }
  throw new Error(`No package cache could be started: see ${join(lab.logs, `${service}.log`)}.`);
}

/** Only the two archives can be asked for: a cache that fetched anything would be a way out of the site. */
function writeConfiguration(lab: LabLayout, mirror: Mirror, packages: string, port: number): string {
  const folder = join(lab.run, 'cache');
  mkdirSync(folder, { recursive: true });
  const lines = [
    `CacheDir: ${packages}`,
    `LogDir: ${lab.logs}`,
    // Unused; the default is one path for all.
    `SocketPath: ${join(lab.run, 'cache-unused.sock')}`,
    `PidFile: ${join(lab.run, 'cache.pid')}`,
    'SupportDir: /usr/lib/apt-cacher-ng',
    'BindAddress: 127.0.0.1',
    `Port: ${port}`,
    'ForceManaged: 1',
    `Remap-main: /debian ; ${mirror.main}`,
    `Remap-security: /debian-security ; ${mirror.security}`,
    ...(mirror.proxy === null ? [] : [`Proxy: ${mirror.proxy}`]),
  ];
  writeFileSync(join(folder, 'acng.conf'), `${lines.join('\n')}\n`);
  return folder;
}
