/** Everything a simulated machine has on its disk, as `machine.json` holds it. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { patchSchema } from '../../protocol/agent.ts';
import { firstInstalled } from './archive.ts';

/** dpkg's words (dpkg-query(1)). */
const status = z.enum(['installed', 'half-installed', 'unpacked', 'half-configured']);

const installedSchema = z.strictObject({
  package: z.string(),
  version: z.string(),
  architecture: z.string(),
  origin: z.string(),
  status,
});
export type Installed = z.infer<typeof installedSchema>;

const serviceSchema = z.strictObject({
  service: z.string(),
  /** The package it belongs to: installing that one restarts it. */
  package: z.string(),
  /** Packages whose files it runs on, and the versions it was started with. */
  uses: z.array(z.string()),
  startedWith: z.record(z.string(), z.string()),
  startedAt: z.iso.datetime().nullable(),
  state: z.enum(['running', 'stopped', 'failed']),
  /** Where it answers with 200. */
  port: z.number().nullable(),
  /** Only a boot restarts it: PID 1 and the message bus. */
  needsBoot: z.boolean(),
});
export type Service = z.infer<typeof serviceSchema>;

const actionSchema = z.strictObject({
  step: z.enum(['remove', 'unpack', 'configure']),
  package: z.string(),
  architecture: z.string(),
  from: z.string().nullable(),
  to: z.string(),
});
/** What dpkg does to one package in one go. */
export type Action = z.infer<typeof actionSchema>;

const endSchema = z.strictObject({
  ending: z.enum(['finished', 'failed', 'hit its limit']),
  because: z.string(),
  packagesAtFault: z.array(z.string()),
});

const runSchema = z.strictObject({
  bootId: z.string(),
  kind: z.enum(['install', 'repair', 'roll back packages']),
  patches: z.array(patchSchema),
  /** Packages that a rollback holds at its end. */
  hold: z.array(z.string()).default([]),
  limitAt: z.iso.datetime(),
  actions: z.array(actionSchema),
  /** Actions that are complete. */
  done: z.number().int(),
  /** Whether the next action has begun. */
  begun: z.boolean(),
  /** Whether a repair that did not succeed has turned to the old versions. */
  wentBack: z.boolean(),
  packagesAtFault: z.array(z.string()),
  /** The last lines of what the package manager printed. */
  log: z.string(),
  end: endSchema.nullable(),
});
export type RunState = z.infer<typeof runSchema>;

/** How long things take here. A simulated machine may be fast; what it does stays the same. */
export const paceSchema = z.strictObject({
  /** Unpacking and configuring one package, together. */
  packageMilliseconds: z.number().min(0),
  shutdownMilliseconds: z.number().min(0),
  bootMilliseconds: z.number().min(0),
  /** What a minute of a run's limit lasts. */
  limitMinuteMilliseconds: z.number().min(1),
});
export type Pace = z.infer<typeof paceSchema>;

/** Faults of the machine itself, for as long as they are set. A restored snapshot brings those of its time. */
export const machineFaultsSchema = z.strictObject({
  doesNotBoot: z.boolean(),
  silencesAgent: z.boolean(),
});
export type MachineFaults = z.infer<typeof machineFaultsSchema>;

export const machineStateSchema = z.strictObject({
  hostname: z.string(),
  machineId: z.string(),
  bootId: z.string(),
  os: z.strictObject({ id: z.string(), version: z.string(), codename: z.string() }),
  kernel: z.string(),
  hardware: z.strictObject({
    architecture: z.string(),
    cpus: z.number(),
    memoryMebibytes: z.number(),
    rootDiskMebibytes: z.number(),
    rootFreeMebibytes: z.number(),
    virtualization: z.string(),
  }),
  packages: z.array(installedSchema),
  heldPackages: z.array(z.string()),
  services: z.array(serviceSchema),
  otherUpdaters: z.array(z.strictObject({ name: z.string(), on: z.boolean() })),
  /** Packages in the package manager's cache, each as `NAME VERSION`. */
  fetched: z.array(z.string()),
  /** A sandbox has no way to an archive. */
  reachesArchives: z.boolean(),
  runs: z.record(z.string(), runSchema),
  /** Packages that have asked for a reboot since the last one. */
  rebootAskedBy: z.array(z.string()),
  /** Bytes of dpkg.log that belong to this state; what stands behind them was never done. */
  dpkgLogBytes: z.number().int(),
  /** Faults that happen once and have happened, each as `NAME VERSION`. */
  powerLostTo: z.array(z.string()),
  faults: machineFaultsSchema,
  pace: paceSchema,
});
export type MachineState = z.infer<typeof machineStateSchema>;

export const defaultPace: Pace = {
  packageMilliseconds: 120,
  shutdownMilliseconds: 100,
  bootMilliseconds: 250,
  limitMinuteMilliseconds: 60_000,
};

/** The name under which PID 1 is kept among the services; systemd does not list it as one. */
export const init = 'init';

/** A small Debian 12 server, as installed from bookworm alone: its security updates are pending. */
export function freshMachine(hostname: string, pace: Pace): MachineState {
  const packages = firstInstalled().map(({ package: name, version, architecture, origin }): Installed => ({
    package: name,
    version,
    architecture,
    origin,
    status: 'installed',
  }));
  return {
    hostname,
    machineId: identifier(`machine ${hostname}`),
    bootId: '',
    os: { id: 'debian', version: '12', codename: 'bookworm' },
    kernel: '6.1.0-50-amd64',
    hardware: {
      architecture: 'amd64',
      cpus: 2,
      memoryMebibytes: 2048,
      rootDiskMebibytes: 20_480,
      rootFreeMebibytes: 16_896,
      virtualization: 'kvm',
    },
    packages,
    heldPackages: [],
    services: [
      service(init, 'systemd', ['libc6', 'libssl3', 'liblzma5', 'libsystemd0', 'systemd'], { needsBoot: true }),
      service('cron', 'cron', ['libc6', 'cron']),
      service('dbus', 'dbus', ['libc6', 'libexpat1', 'libsystemd0', 'dbus'], { needsBoot: true }),
      service('nginx', 'nginx', ['libc6', 'libssl3', 'libpcre2-8-0', 'zlib1g', 'nginx'], { port: 80 }),
      service('ssh', 'openssh-server', ['libc6', 'libssl3', 'libsystemd0', 'openssh-server'], { port: 22 }),
      service('systemd-journald', 'systemd', ['libc6', 'liblzma5', 'systemd']),
      service('systemd-logind', 'systemd', ['libc6', 'libsystemd0', 'systemd']),
    ],
    otherUpdaters: [
      { name: 'apt-daily-upgrade.timer', on: true },
      { name: 'unattended-upgrades', on: false },
    ],
    fetched: [],
    reachesArchives: true,
    runs: {},
    rebootAskedBy: [],
    dpkgLogBytes: 0,
    powerLostTo: [],
    faults: { doesNotBoot: false, silencesAgent: false },
    pace,
  };
}

function service(
  name: string,
  ofPackage: string,
  uses: string[],
  more: { needsBoot?: boolean; port?: number } = {},
): Service {
  return {
    service: name,
    package: ofPackage,
    uses,
    startedWith: {},
    startedAt: null,
    state: 'stopped',
    port: more.port ?? null,
    needsBoot: more.needsBoot ?? false,
  };
}

/** 32 hexadecimal digits, as in /etc/machine-id, always the same for the same words. */
export function identifier(words: string): string {
  return createHash('sha256').update(words).digest('hex').slice(0, 32);
}

/** The id of a machine's nth boot: a UUID of version 8 (RFC 9562), derived from both. */
export function bootIdOf(machineId: string, boots: number): string {
  const digits = identifier(`boot ${boots} of ${machineId}`);
  const parts = [digits.slice(0, 8), digits.slice(8, 12), `8${digits.slice(13, 16)}`, `8${digits.slice(17, 20)}`];
  return [...parts, digits.slice(20)].join('-');
}
