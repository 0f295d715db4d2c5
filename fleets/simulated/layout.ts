/** Where the simulated fleet keeps what: one directory for each machine, and what stands beside the machines. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** What is on a machine's own disk is under `root`, and goes with a snapshot; the rest survives a restore. */
export type MachineFiles = {
  readonly directory: string;
  readonly root: string;
  readonly state: string;
  readonly dpkgLog: string;
  /** What the agent reads at its start. */
  readonly configuration: string;
  /** The agent's own: ledger, key, certificate, generation. */
  readonly stateDirectory: string;
  /** Versions that were published to this machine's archives. */
  readonly archive: string;
  /** Power, boots and restores: what the hypervisor knows of the machine. */
  readonly hardware: string;
};

export function machineFiles(directory: string): MachineFiles {
  const root = join(directory, 'root');
  return {
    directory,
    root,
    state: join(root, 'machine.json'),
    dpkgLog: join(root, 'dpkg.log'),
    configuration: join(root, 'agent.json'),
    stateDirectory: join(root, 'state'),
    archive: join(directory, 'archive.json'),
    hardware: join(directory, 'hardware.json'),
  };
}

export type FleetDirectory = {
  readonly directory: string;
  /** Endpoints, sites, networks, addresses. */
  readonly fleet: string;
  /** The control API. */
  readonly socket: string;
  readonly snapshots: string;
  readonly evidence: string;
  readonly sandboxes: string;
  endpoint(name: string): MachineFiles;
  sandbox(sandboxId: string): MachineFiles;
  snapshotsOf(name: string): string;
  snapshot(name: string, snapshotId: string): string;
  evidenceOf(name: string, restoreId: string): string;
};

/** The layout of a fleet's directory. */
export function fleetDirectory(directory: string): FleetDirectory {
  const inside = (...parts: string[]): string => join(directory, ...parts);
  return {
    directory,
    fleet: inside('fleet.json'),
    socket: inside('control.sock'),
    snapshots: inside('snapshots'),
    evidence: inside('evidence'),
    sandboxes: inside('sandboxes'),
    endpoint: (name) => machineFiles(inside('endpoints', folderName(name))),
    sandbox: (sandboxId) => machineFiles(inside('sandboxes', folderName(sandboxId))),
    snapshotsOf: (name) => inside('snapshots', folderName(name)),
    snapshot: (name, snapshotId) => inside('snapshots', folderName(name), folderName(snapshotId)),
    evidenceOf: (name, restoreId) => inside('evidence', folderName(name), folderName(restoreId)),
  };
}

/** Any id as the name of a folder: its own where that is safe and short, a hash where it is not. */
function folderName(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(id)) return id;
  return `id.${createHash('sha256').update(id).digest('hex')}`;
}
