/** The inventory of a Debian machine. */
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, hostname, release, totalmem } from 'node:os';
import type { Hardware, OperatingSystem, OtherUpdater } from '../../domain/endpoints/endpoint.ts';
import type { MachineFacts } from '../machine.ts';
import { withoutLists } from './apt/apt-get.ts';
import { findApplications } from './apt/origins.ts';
import { isInstalled, knownPackages, lines, toInstalledPackage } from './dpkg.ts';
import { findStaleProcesses } from './mapped-files.ts';
import { run, systemctl } from './program.ts';
import { pendingReboot } from './reboot.ts';
import { serviceStates } from './services.ts';

/**
 * As PID 1 sees it: in a service that systemd shields from the kernel's tunables, a container's own boot id is hidden
 * behind that of the machine it runs on, which no reboot of the container changes.
 */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/1/root/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

export async function readFacts(): Promise<MachineFacts> {
  const [packages, stale, virtualization] = await Promise.all([
    knownPackages(),
    findStaleProcesses(),
    detectVirtualization(),
  ]);
  const installed = packages.filter(isInstalled);
  return {
    hostname: hostname(),
    machineId: (await readFile('/etc/machine-id', 'utf8')).trim(),
    bootId: await readBootId(),
    os: parseOsRelease(await readFile('/etc/os-release', 'utf8')),
    kernel: release(),
    hardware: await readHardware(virtualization.name),
    packages: installed.map(toInstalledPackage),
    heldPackages: lines((await run('apt-mark', ['showhold', ...withoutLists])).stdout),
    applications: (await findApplications(installed)).map(toInstalledPackage),
    services: await serviceStates(),
    pendingReboot: await pendingReboot(packages, stale, virtualization.container),
    otherUpdaters: await findOtherUpdaters(installed.map((each) => each.package)),
  };
}

/** os-release(5): `KEY=value`, the value perhaps in quotes. */
export function parseOsRelease(text: string): OperatingSystem {
  const values = new Map(
    lines(text).flatMap((line) => {
      const [, key = '', value = ''] = /^([A-Z_]+)=["']?(.*?)["']?$/.exec(line) ?? [];
      return key === '' ? [] : [[key, value] as const];
    }),
  );
  return {
    id: values.get('ID') ?? 'linux',
    version: values.get('VERSION_ID') ?? '',
    codename: values.get('VERSION_CODENAME') ?? '',
  };
}

export async function detectVirtualization(): Promise<{ readonly name: string; readonly container: boolean }> {
  const [any, container] = await Promise.all([
    run('systemd-detect-virt', []),
    run('systemd-detect-virt', ['--container']),
  ]);
  return { name: any.stdout.trim() || 'none', container: container.code === 0 };
}

async function readHardware(virtualization: string): Promise<Hardware> {
  const root = await statfs('/');
  const mebibytes = (blocks: number) => Math.floor((blocks * root.bsize) / 2 ** 20);
  return {
    architecture: (await run('dpkg', ['--print-architecture'])).stdout.trim(),
    cpus: availableParallelism(),
    memoryMebibytes: Math.floor(totalmem() / 2 ** 20),
    rootDiskMebibytes: mebibytes(root.blocks),
    rootFreeMebibytes: mebibytes(root.bavail),
    virtualization,
  };
}

const updaterTimers = ['apt-daily-upgrade.timer', 'apt-daily.timer'];

async function findOtherUpdaters(installed: readonly string[]): Promise<readonly OtherUpdater[]> {
  const shown = await systemctl('show', '--property=Id,LoadState,ActiveState', ...updaterTimers);
  const timers = parseTimers(shown.stdout);
  if (!installed.includes('unattended-upgrades')) return timers;
  const period = await run('apt-config', ['shell', 'days', 'APT::Periodic::Unattended-Upgrade']);
  return [
    ...timers,
    { name: 'unattended-upgrades', on: !/days='0?'/.test(period.stdout) && period.stdout.trim() !== '' },
  ];
}

/** `systemctl show` of several units: `KEY=value` lines, an empty line between units. */
export function parseTimers(text: string): readonly OtherUpdater[] {
  return text.split('\n\n').flatMap((block) => {
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(block)?.[1];
    return value('LoadState') === 'loaded' ? [{ name: value('Id') ?? '', on: value('ActiveState') === 'active' }] : [];
  });
}
