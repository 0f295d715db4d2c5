/** What is true of a simulated machine, read from its own files: nothing of the product is asked. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LedgerEntry } from '../../../agent/ledger.ts';
import { fleetDirectory } from '../../../fleets/simulated/client.ts';
import { type MachineState, machineStateSchema } from '../../../fleets/simulated/machine-state.ts';

export type MachineOnDisk = {
  state(): MachineState;
  /** The installed version of a package; undefined where it is not, or not wholly, installed. */
  version(name: string): string | undefined;
  /** Each upgrade that dpkg.log names, as `PACKAGE FROM TO`, in order. */
  upgrades(): readonly string[];
  dpkgLog(): string;
  service(name: string): string | undefined;
  /** How often the whole machine was rolled back, plus one. */
  generation(): number;
  /** What its agent was asked to do, and what became of it. */
  ledger(): readonly LedgerEntry[];
};

export type EndpointOnDisk = MachineOnDisk & {
  /** Folders of its snapshots, whole or not. */
  snapshots(): readonly string[];
  /** What was kept of its failed states. */
  failedStates(): readonly MachineOnDisk[];
};

export function endpointOnDisk(directory: string, name: string): EndpointOnDisk {
  const fleet = fleetDirectory(directory);
  const evidence = join(fleet.evidence, name);
  return {
    ...machineOnDisk(fleet.endpoint(name).root),
    snapshots: () => namesIn(fleet.snapshotsOf(name)),
    failedStates: () => namesIn(evidence).map((folder) => machineOnDisk(join(evidence, folder))),
  };
}

function machineOnDisk(root: string): MachineOnDisk {
  const text = (file: string) => (existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '');
  const state = () => machineStateSchema.parse(JSON.parse(text('machine.json')));
  return {
    state,
    version: (name) => state().packages.find((each) => each.package === name && each.status === 'installed')?.version,
    upgrades: () =>
      [...text('dpkg.log').matchAll(/ upgrade (\S+?):\S+ (\S+) (\S+)$/gm)].map((line) => line.slice(1).join(' ')),
    dpkgLog: () => text('dpkg.log'),
    service: (name) => state().services.find((each) => each.service === name)?.state,
    generation: () => Number(text('state/generation') || 1),
    ledger: () =>
      namesIn(join(root, 'state', 'ledger'))
        .filter((name) => name.endsWith('.json'))
        .map((name) => JSON.parse(text(`state/ledger/${name}`)) as LedgerEntry),
  };
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
