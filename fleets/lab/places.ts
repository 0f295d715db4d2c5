import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clone, SandboxPlace } from '../../activities/adapters/sandboxes/lab.ts';
import type { BtrfsPlace } from '../../activities/adapters/btrfs-place.ts';
import type { PowerPort } from '../../activities/ports/power.ts';
import { agentPort } from '../../protocol/agent.ts';
import { removeCgroup, whileFrozen } from './cgroup.ts';
import { limitSpace } from './disk.ts';
import { endpointCgroup, endpointRoot, labCgroup, namespacePrefix, type LabLayout } from './layout.ts';
import { machineOf, powerOff, startMachine, type Machine } from './machine.ts';
import { ensureLoneLink, removeNamespace } from './network.ts';
import { answersAt, startService, stopService } from './service.ts';
import { endpointNamed, openLab, type LabEndpoint } from './state.ts';
import { until } from './until.ts';

/**
 * The lab as the drivers of snapshots and sandboxes need it. They get it from the program's composition, as they
 * would be given a hypervisor.
 */

/** From the id that the control plane uses to the name in the lab. */
export type NameOf = (endpointId: string) => string;
const sameName: NameOf = (endpointId) => endpointId;

/** The machines' buttons and plugs. */
export function labPower(directory: string, nameOf: NameOf = sameName): PowerPort {
  const machine = (endpointId: string): Machine => {
    const { lab, endpoint } = find(directory, nameOf(endpointId));
    return machineOf(lab, endpoint.name);
  };
  return {
    on: (endpointId) => startMachine(machine(endpointId)),
    off: (endpointId) => powerOff(machine(endpointId)),
    holdStill: (endpointId, act) => {
      const { lab, endpoint } = find(directory, nameOf(endpointId));
      return whileFrozen(endpointCgroup(lab, endpoint.name), act);
    },
  };
}

/** For `btrfsSnapshots`. */
export function labSnapshotPlace(directory: string, nameOf: NameOf = sameName): BtrfsPlace {
  return {
    power: labPower(directory, nameOf),
    foldersOf: (endpointId) => {
      const { lab, endpoint } = find(directory, nameOf(endpointId));
      return {
        root: endpointRoot(lab, endpoint.name),
        snapshots: join(lab.snapshots, endpoint.name),
        failedRoots: join(lab.failedRoots, endpoint.name),
        evidence: join(lab.evidence, endpoint.name),
        restores: join(lab.restores, endpoint.name),
      };
    },
    limitSpace,
  };
}

/** For `labSandboxes`. */
export function labSandboxPlace(directory: string, nameOf: NameOf = sameName): SandboxPlace {
  const { lab } = openLab(directory);
  return {
    power: labPower(directory, nameOf),
    rootOf: (endpointId) => endpointRoot(lab, find(directory, nameOf(endpointId)).endpoint.name),
    folder: lab.sandboxes,
    limitSpace,
    boot: async (clone) => {
      const { address } = find(directory, nameOf(clone.endpointId)).endpoint;
      const namespace = sandboxNamespace(lab, clone.hostname);
      await ensureLoneLink(namespace, address);
      await startMachine(sandboxMachine(lab, clone));
      // No route leads to the clone: a program that may speak to its agent does so through a socket file.
      const socketPath = sandboxSocket(lab, clone.hostname);
      const relay = [`UNIX-LISTEN:${socketPath},fork,unlink-early,mode=600`, `TCP:${address}:${agentPort}`];
      await startService(lab, clone.hostname, ['socat', ...relay], namespace);
      await until(`the way to ${clone.hostname} is open`, () => answersAt(socketPath), 5000);
      return { socketPath };
    },
    stop: async (hostname) => {
      await removeCgroup(labCgroup(lab, hostname));
      await stopService(lab, hostname);
      await removeNamespace(sandboxNamespace(lab, hostname));
      await rm(sandboxSocket(lab, hostname), { force: true });
    },
  };
}

function sandboxMachine(lab: LabLayout, clone: Clone): Machine {
  return {
    name: `patchcycle-${lab.hash}-${clone.hostname}`,
    hostname: clone.hostname,
    root: clone.root,
    cgroup: labCgroup(lab, clone.hostname),
    namespace: sandboxNamespace(lab, clone.hostname),
    log: join(lab.logs, `console-${clone.hostname}.log`),
  };
}

function sandboxNamespace(lab: LabLayout, hostname: string): string {
  return `${namespacePrefix(lab)}${hostname}`;
}

function sandboxSocket(lab: LabLayout, hostname: string): string {
  return join(lab.run, `${hostname}.sock`);
}

function find(directory: string, name: string): { readonly lab: LabLayout; readonly endpoint: LabEndpoint } {
  const { lab, state } = openLab(directory);
  if (!existsSync(lab.endpoints)) throw new Error(`The lab in ${lab.directory} is not up: run "npm run lab -- up".`);
  return { lab, endpoint: endpointNamed(state, name) };
}
