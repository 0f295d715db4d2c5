import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endOf, type CommandEnd } from '../../activities/adapters/command.ts';
import { commandInCgroup, isPopulated, killCgroup, processesIn, thawCgroup } from './cgroup.ts';
import { endpointCgroup, endpointNamespace, endpointRoot, type LabLayout } from './layout.ts';
import { scripts } from './scripts.ts';
import { startInCgroup } from './service.ts';
import { endpointNamed, openLab } from './state.ts';
import { until } from './until.ts';

/** A Debian machine: a root folder booted by systemd-nspawn in a cgroup and a network namespace of its own. */
export type Machine = {
  /** What nspawn calls it; unique on the host. */
  readonly name: string;
  readonly hostname: string;
  readonly root: string;
  readonly cgroup: string;
  readonly namespace: string;
  readonly log: string;
};

export type Power = 'on' | 'off';

const bootLimitMilliseconds = 90_000;
/** Longer than a service may take to stop by systemd's default would be patience; a person would hold the button. */
const powerOffLimitMilliseconds = 30_000;

/** The endpoint of a lab as a machine. Throws a sentence when the lab has none of that name. */
export function endpointMachine(directory: string, endpoint: string): Machine {
  const { lab, state } = openLab(directory);
  return machineOf(lab, endpointNamed(state, endpoint).name);
}

export function machineOf(lab: LabLayout, endpoint: string): Machine {
  return {
    name: `patchcycle-${lab.hash}-${endpoint}`,
    hostname: endpoint,
    root: endpointRoot(lab, endpoint),
    cgroup: endpointCgroup(lab, endpoint),
    namespace: endpointNamespace(lab, endpoint),
    log: join(lab.logs, `console-${endpoint}.log`),
  };
}

/** On while anything of it runs, also between the two halves of a reboot. */
export function powerOf(machine: Machine): Power {
  return isPopulated(machine.cgroup) ? 'on' : 'off';
}

/** Switches it on unless it is on. It is still booting when this returns. */
export async function startMachine(machine: Machine): Promise<void> {
  if (powerOf(machine) === 'on') return;
  // The supply stays in the outer cgroup: nspawn wants one for itself, and both fall to one pulled plug.
  const boot = commandInCgroup(join(machine.cgroup, 'machine'), nspawn(machine));
  await startInCgroup(machine.cgroup, ['/bin/sh', scripts.supply, ...boot], machine.log);
}

/** Switches it on unless it is on, and waits until systemd says that it is up. */
export async function powerOn(machine: Machine): Promise<void> {
  await startMachine(machine);
  await until(`${machine.hostname} has booted (see ${machine.log})`, () => hasBooted(machine), bootLimitMilliseconds);
}

/** Asks it to shut down, and pulls the plug when it does not. */
export async function powerOff(machine: Machine): Promise<void> {
  thawCgroup(machine.cgroup);
  const deadline = performance.now() + powerOffLimitMilliseconds;
  while (powerOf(machine) === 'on') {
    if (performance.now() > deadline) return powerCut(machine);
    await pressButton(machine);
  }
}

/** A machine that is just booting does not hear the button; so it is pressed again after a while. */
async function pressButton(machine: Machine): Promise<void> {
  const init = initPidOf(machine);
  // systemd(1): SIGRTMIN+4 powers the machine off. It may have ended by itself just now.
  if (init !== null) await endOf(['kill', '-s', 'RTMIN+4', String(init)]);
  await until(`${machine.hostname} is off`, () => powerOf(machine) === 'off', 1000).catch(() => undefined);
}

/** Pulls the plug: every process of the machine ends at once. */
async function powerCut(machine: Machine): Promise<void> {
  await killCgroup(machine.cgroup);
}

/** The machine's first process as the host counts it; null when there is none. */
export function initPidOf(machine: Machine): number | null {
  return processesIn(machine.cgroup).find(isFirstOfItsNamespace) ?? null;
}

/**
 * Only a child is in the machine's pid namespace, so something must fork. Not nsenter: it stops itself when its child
 * is stopped, as a machine that shuts down does with all, and nothing would wake it.
 */
const forkInside = ['/bin/sh', '-c', '"$@"; exit $?', 'sh'] as const;

/** The argv prefix that runs a command inside a machine as root. Throws a sentence when the machine is off. */
export function commandInMachine(machine: Machine): readonly string[] {
  const init = initPidOf(machine);
  if (init === null) throw new Error(`${machine.hostname} is off: switch it on first.`);
  const enter = ['nsenter', '--target', String(init), '--all', '--root', '--wd', '--no-fork', '--', ...forkInside];
  const environment = ['/usr/bin/env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LANG=C.UTF-8'];
  // In the machine's cgroup, so that it falls with the machine's plug.
  return commandInCgroup(join(machine.cgroup, 'console'), [...enter, ...environment]);
}

/**
 * Runs a command inside an endpoint as root and says how it ended. Do not ask a machine that is shutting down over and
 * over: systemd then waits ten seconds for a process that is not its child.
 */
export async function execIn(directory: string, endpoint: string, argv: readonly string[]): Promise<CommandEnd> {
  const command = [...commandInMachine(endpointMachine(directory, endpoint)), ...argv];
  return endOf(command, { name: `${argv.join(' ')} in ${endpoint}` });
}

async function hasBooted(machine: Machine): Promise<boolean> {
  if (powerOf(machine) === 'off') throw new Error(`${machine.hostname} ended while it booted: see ${machine.log}.`);
  const init = initPidOf(machine);
  if (init === null || !existsSync(`/proc/${init}/root/run/systemd/private`)) return false;
  // Not with --wait: it misses the end of a boot that comes while it connects, and sits out a time-out.
  const state = await endOf([...commandInMachine(machine), 'systemctl', 'is-system-running']);
  return ['running', 'degraded'].includes(state.stdout.trim());
}

function nspawn(machine: Machine): readonly string[] {
  return [
    'systemd-nspawn',
    '--quiet',
    '--boot',
    `--directory=${machine.root}`,
    `--machine=${machine.name}`,
    `--hostname=${machine.hostname}`,
    `--network-namespace-path=/run/netns/${machine.namespace}`,
    '--register=no',
    '--keep-unit',
    '--settings=no',
    '--link-journal=no',
    '--resolv-conf=off',
    '--timezone=off',
    '--console=read-only',
  ];
}

/** First in its pid namespace, one level below ours: what proc(5) prints as `NSpid: HOST 1`. */
function isFirstOfItsNamespace(pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return /^NSpid:\s+\d+\s+1$/m.test(status);
  } catch {
    return false;
  }
}

/** Stops and starts in one word, as the command line and other processes ask for it. */
export async function power(directory: string, endpoint: string, order: 'on' | 'off' | 'cut'): Promise<void> {
  const machine = endpointMachine(directory, endpoint);
  if (order === 'on') return powerOn(machine);
  if (order === 'off') return powerOff(machine);
  return powerCut(machine);
}
