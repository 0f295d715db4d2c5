import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { plainEnvironment } from '../../activities/adapters/command.ts';
import { cgroupsIn, commandInCgroup, isPopulated, removeCgroup } from './cgroup.ts';
import { labCgroup, type LabLayout } from './layout.ts';
import { commandInNamespace } from './network.ts';
import { until } from './until.ts';

/**
 * Helpers that the lab keeps running: cache, repository, relays. Each lives in a cgroup of its own, which is how it is
 * known to run and how it is stopped; no pid is ever written down.
 */

/** Starts a helper unless it runs. */
export async function startService(
  lab: LabLayout,
  name: string,
  command: readonly string[],
  namespace?: string,
): Promise<void> {
  const cgroup = serviceCgroup(lab, name);
  if (isPopulated(cgroup)) return;
  const inside = namespace === undefined ? command : [...commandInNamespace(namespace), ...command];
  await startInCgroup(cgroup, inside, join(lab.logs, `${name}.log`));
}

export function isServiceRunning(lab: LabLayout, name: string): boolean {
  return isPopulated(serviceCgroup(lab, name));
}

export async function stopService(lab: LabLayout, name: string): Promise<void> {
  await removeCgroup(serviceCgroup(lab, name));
}

/** Names of helpers that begin with a prefix. */
export function servicesWith(lab: LabLayout, prefix: string): readonly string[] {
  return cgroupsIn(labCgroup(lab))
    .filter((name) => name.startsWith(`service-${prefix}`))
    .map((name) => name.slice('service-'.length));
}

/**
 * Starts a program in a cgroup, its output in a log file; it outlives this process. Returns when the cgroup holds it,
 * so that asking whether it runs is meaningful from then on, or when it has ended already.
 */
export async function startInCgroup(cgroup: string, command: readonly string[], logFile: string): Promise<void> {
  const [program = '', ...rest] = commandInCgroup(cgroup, command);
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(program, rest, {
      cwd: '/',
      detached: true,
      env: plainEnvironment,
      stdio: ['ignore', log, log],
    });
    await once(child, 'spawn');
    child.unref();
    await until(`${command[0]} has started`, () => isPopulated(cgroup) || child.exitCode !== null, 10_000);
  } finally {
    closeSync(log);
  }
}

/** Whether something answers at a socket file. */
export function answersAt(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function serviceCgroup(lab: LabLayout, name: string): string {
  return labCgroup(lab, `service-${name}`);
}
