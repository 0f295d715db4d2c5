/** What runs the machines of a simulated fleet, and what acts on them from outside: power, snapshots, clones, archives. */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { z } from 'zod';
import type { AgentIdentity } from '../../activities/ports/agent.ts';
import type { Sighting } from '../../activities/ports/network.ts';
import type { Restored } from '../../activities/ports/snapshots.ts';
import { archiveVersionSchema } from './archive.ts';
import type { ArchiveVersion } from './archive.ts';
import { readJson, writeJson } from './files.ts';
import { macAddressOf, readFleet } from './fleet-plan.ts';
import type { FleetPlan } from './fleet-plan.ts';
import { Guest } from './guest.ts';
import { fleetDirectory } from './layout.ts';
import type { FleetDirectory } from './layout.ts';
import type { MachineFaults } from './machine-state.ts';
import { certify, listSandboxes, prepareSandbox, readSandbox, removeSandbox } from './sandboxes.ts';
import { createSnapshot, deleteSnapshot, listSnapshots, restoreSnapshot, verifySnapshot } from './snapshots.ts';
import type { KeptSnapshot, Verdict } from './snapshots.ts';
import { ControlRefusal } from './control-refusal.ts';

export type PowerAction = 'on' | 'off' | 'cut';

export class Hypervisor {
  readonly #layout: FleetDirectory;
  readonly #plan: FleetPlan;
  readonly #guests: ReadonlyMap<string, Guest>;
  readonly #sandboxes = new Map<string, Guest>();
  readonly #log: (line: string) => void;

  /** Takes up the fleet where the last process left it. */
  constructor(directory: string, log: (line: string) => void) {
    this.#log = log;
    this.#layout = fleetDirectory(directory);
    this.#plan = readFleet(directory);
    this.#guests = new Map(
      this.#plan.endpoints.map(({ name }) => [name, new Guest(name, this.#layout.endpoint(name), log)]),
    );
    for (const { sandboxId } of listSandboxes(this.#layout)) this.#sandboxes.set(sandboxId, this.#clone(sandboxId));
    for (const guest of [...this.#guests.values(), ...this.#sandboxes.values()]) {
      // One machine whose state cannot be read must not keep the others down.
      guest.inTurn(() => this.#takeUp(guest)).catch((error: unknown) => log(`${guest.name}: ${String(error)}`));
    }
  }

  status() {
    return {
      endpoints: this.#plan.endpoints.map(({ name, site, address }) => {
        const guest = this.#endpoint(name);
        return { site, address, ...describe(guest), endpointId: guest.hardware.endpointId };
      }),
      sandboxes: [...this.#sandboxes.values()].map(describe),
    };
  }

  /** What answers on a network; the adapter refuses networks that are no site's. */
  sightings(cidr: string): readonly Sighting[] {
    const site = Object.entries(this.#plan.networks).find(([, network]) => network === cidr)?.[0];
    if (site === undefined) throw new ControlRefusal(404, `No site of the simulated fleet has the network ${cidr}.`);
    const answering = this.#plan.endpoints.filter(
      (endpoint) => endpoint.site === site && this.#endpoint(endpoint.name).state === 'up',
    );
    const unmanaged = this.#plan.unmanaged.filter((thing) => thing.site === site);
    return [
      ...answering.map(({ name, address }) => ({
        address: `${address.host}:${address.port}`,
        macAddress: macAddressOf(name),
      })),
      ...unmanaged.map(({ address }) => ({ address, macAddress: macAddressOf(address) })),
    ];
  }

  power(endpointId: string, action: PowerAction): Promise<void> {
    const guest = this.#endpoint(endpointId);
    // A pulled plug waits for nothing that the machine is doing.
    if (action === 'cut') return guest.powerCut();
    return guest.inTurn(() => (action === 'on' ? guest.powerOn() : guest.powerOff()));
  }

  setFaults(endpointId: string, faults: Partial<MachineFaults>): Promise<void> {
    const guest = this.#endpoint(endpointId);
    return guest.inTurn(() => guest.setFaults(faults));
  }

  /** Puts a version into the archives of some endpoints, or of all. */
  publish(version: ArchiveVersion, endpointIds: readonly string[] | null): void {
    const guests = endpointIds === null ? [...this.#guests.values()] : endpointIds.map((id) => this.#endpoint(id));
    for (const { files } of guests) {
      const published = existsSync(files.archive) ? readJson(files.archive, z.array(archiveVersionSchema)) : [];
      const others = published.filter((each) => each.package !== version.package || each.version !== version.version);
      writeJson(files.archive, [...others, version]);
    }
  }

  createSnapshot(endpointId: string, snapshotId: string): Promise<KeptSnapshot> {
    const guest = this.#endpoint(endpointId);
    const folder = this.#layout.snapshot(guest.name, snapshotId);
    return guest.inTurn(() => createSnapshot(guest.files.root, folder, { snapshotId, endpointId }));
  }

  verifySnapshot(endpointId: string, snapshotId: string): Verdict {
    return verifySnapshot(this.#layout.snapshot(this.#endpoint(endpointId).name, snapshotId));
  }

  listSnapshots(endpointId: string): readonly KeptSnapshot[] {
    return listSnapshots(this.#layout.snapshotsOf(this.#endpoint(endpointId).name));
  }

  deleteSnapshot(endpointId: string, snapshotId: string): Promise<void> {
    const guest = this.#endpoint(endpointId);
    return guest.inTurn(() => deleteSnapshot(this.#layout.snapshot(guest.name, snapshotId)));
  }

  /** Puts a machine back. A restore that was begun is recorded, and goes on in the next process if this one dies. */
  restore(
    endpointId: string,
    snapshotId: string,
    restore: { readonly restoreId: string; readonly generation: number },
  ): Promise<Restored> {
    const guest = this.#endpoint(endpointId);
    return guest.inTurn(async () => {
      const before = guest.hardware.restores[restore.restoreId];
      if (before !== undefined) return { generation: before.generation, evidenceOfFailedState: before.evidence };
      const verdict = this.verifySnapshot(endpointId, snapshotId);
      if (!verdict.usable) {
        throw new ControlRefusal(409, `${snapshotId} of ${endpointId} cannot be restored. ${verdict.because}`);
      }
      guest.setHardware({ restoring: { ...restore, snapshotId } });
      return this.#finishRestore(guest);
    });
  }

  async prepareSandbox(endpointId: string, sandboxId: string): Promise<{ readonly certificateRequest: string }> {
    const guest = this.#endpoint(endpointId);
    const sandbox = await guest.inTurn(() => prepareSandbox(this.#layout, guest.files, { sandboxId, endpointId }));
    if (!this.#sandboxes.has(sandboxId)) this.#sandboxes.set(sandboxId, this.#clone(sandboxId));
    return { certificateRequest: sandbox.certificateRequest };
  }

  startSandbox(
    sandboxId: string,
    identity: { readonly certificate: string; readonly authority: string },
  ): Promise<AgentIdentity> {
    const clone = this.#sandboxes.get(sandboxId);
    const sandbox = clone === undefined ? null : readSandbox(clone.files);
    if (clone === undefined || sandbox === null) {
      throw new ControlRefusal(404, `There is no sandbox ${sandboxId}; prepare it first.`);
    }
    return clone.inTurn(() => {
      if (clone.hardware.power === 'off') certify(clone.files, identity);
      clone.powerOn();
      return { endpointId: sandboxId, address: sandbox.address };
    });
  }

  async destroySandbox(sandboxId: string): Promise<void> {
    const clone = this.#sandboxes.get(sandboxId);
    this.#sandboxes.delete(sandboxId);
    await clone?.inTurn(() => clone.powerCut());
    removeSandbox(this.#layout.sandbox(sandboxId));
  }

  listSandboxes(): readonly string[] {
    return [...this.#sandboxes.keys()];
  }

  /** Ends this process's part; the fleet's state stays as it is. */
  async close(): Promise<void> {
    await Promise.all([...this.#guests.values(), ...this.#sandboxes.values()].map((guest) => guest.leave()));
  }

  async #takeUp(guest: Guest): Promise<void> {
    if (guest.hardware.restoring === null) return guest.resume();
    await this.#finishRestore(guest);
  }

  async #finishRestore(guest: Guest): Promise<Restored> {
    const { restoring } = guest.hardware;
    if (restoring === null) throw new Error(`No restore of ${guest.name} was begun.`);
    const { restoreId, snapshotId, generation } = restoring;
    await guest.leave();
    const evidenceFolder = this.#layout.evidenceOf(guest.name, restoreId);
    restoreSnapshot(guest.files, this.#layout.snapshot(guest.name, snapshotId), evidenceFolder, restoring);
    const evidence = relative(this.#layout.directory, evidenceFolder);
    guest.startBoot({
      restoring: null,
      restores: { ...guest.hardware.restores, [restoreId]: { generation, evidence } },
    });
    return { generation, evidenceOfFailedState: evidence };
  }

  #clone(sandboxId: string): Guest {
    return new Guest(sandboxId, this.#layout.sandbox(sandboxId), this.#log);
  }

  /** By its name, or by the name in its agent's certificate. */
  #endpoint(endpointId: string): Guest {
    const guest =
      this.#guests.get(endpointId) ??
      [...this.#guests.values()].find((each) => each.hardware.endpointId === endpointId);
    if (guest === undefined) throw new ControlRefusal(404, `The simulated fleet has no endpoint ${endpointId}.`);
    return guest;
  }
}

function describe(guest: Guest) {
  const { hardware, files } = guest;
  return {
    name: guest.name,
    power: hardware.power,
    state: guest.state,
    agentAnswers: guest.agentAnswers,
    rootDirectory: files.root,
    dpkgLog: files.dpkgLog,
    machine: files.state,
  };
}
