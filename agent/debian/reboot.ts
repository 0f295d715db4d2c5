/** Whether a reboot is due. On stock Debian nothing writes /run/reboot-required, so it is found out here. */
import { readFile, readdir } from 'node:fs/promises';
import { release, version } from 'node:os';
import { compareVersions } from '../../domain/debian-version.ts';
import type { PendingReboot } from '../../domain/endpoints/endpoint.ts';
import type { DpkgPackage } from './dpkg.ts';
import { firstLine, isInstalled, lines } from './dpkg.ts';
import type { StaleProcess } from './mapped-files.ts';
import { systemctl } from './program.ts';
import { rebootReasons } from './services.ts';

export async function pendingReboot(
  packages: readonly DpkgPackage[],
  stale: readonly StaleProcess[],
  inContainer: boolean,
): Promise<PendingReboot> {
  const kernels = inContainer ? [] : (await readdir('/boot').catch(() => [])).flatMap((name) => kernelOf(name) ?? []);
  const because = [
    ...newerKernels(release(), kernels),
    ...(inContainer ? [] : rebuiltKernel(release(), version(), packages)),
    ...rebootReasons(stale),
    ...(await askedFor()),
  ];
  return { due: because.length > 0, because };
}

function kernelOf(name: string): string | null {
  return name.startsWith('vmlinuz-') ? name.slice('vmlinuz-'.length) : null;
}

/** A kernel's release begins with its version, and the rest is its flavour: `6.1.0-40-amd64`. */
export function newerKernels(running: string, installed: readonly string[]): readonly string[] {
  const newest = installed.toSorted(compareVersions).at(-1);
  if (newest === undefined || compareVersions(newest, running) <= 0) return [];
  return [`kernel ${newest} is installed, ${running} runs`];
}

/** The same release, built again: the running one names its package's version, `… Debian 6.1.147-1 (2025-08-02)`. */
export function rebuiltKernel(running: string, built: string, packages: readonly DpkgPackage[]): readonly string[] {
  const runs = / Debian ([0-9][A-Za-z0-9.+:~-]*) /.exec(`${built} `)?.[1];
  const installed = packages.find((each) => each.package === `linux-image-${running}` && isInstalled(each))?.version;
  if (runs === undefined || installed === undefined || compareVersions(installed, runs) <= 0) return [];
  return [`kernel ${running} is installed at ${installed}, ${runs} runs`];
}

async function askedFor(): Promise<readonly string[]> {
  const asked = await readFile('/run/reboot-required', 'utf8').catch(() => null);
  if (asked === null) return [];
  const packages = await readFile('/run/reboot-required.pkgs', 'utf8').catch(() => '');
  const names = [...new Set(lines(packages).map((line) => line.trim()))].join(', ');
  return [names === '' ? '/run/reboot-required asks for it' : `asked for by ${names}`];
}

/** Returns once systemd has begun to shut down. Throws with its words when it refuses. */
export async function requestReboot(): Promise<void> {
  const ran = await systemctl('reboot', '--no-wall');
  if (ran.code !== 0) throw new Error(firstLine(ran.stderr));
}
