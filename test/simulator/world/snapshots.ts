/** Snapshots of whole machines: taken, looked at, rolled back, deleted, each as the endpoint's faults have it. */
import {
  type Restored,
  SnapshotFailed,
  type SnapshotPort,
  type SnapshotVerdict,
} from '../../../activities/ports/snapshots.ts';
import type { Snapshot } from '../../../domain/snapshots/inventory.ts';
import type { Fleet } from './agents.ts';
import { type Disk, copyOf } from './disk.ts';
import type { Machine } from './machine.ts';
import type { Recorder } from './record.ts';

type Kept = Snapshot & { readonly disk: Disk; readonly usable: boolean };

export class Snapshots implements SnapshotPort {
  readonly #fleet: Fleet;
  readonly #record: Recorder;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #restores = new Map<string, Restored>();

  constructor(world: { fleet: Fleet; record: Recorder; now: () => number }) {
    this.#fleet = world.fleet;
    this.#record = world.record;
    this.#now = world.now;
  }

  async create(endpointId: string, snapshotId: string): Promise<Snapshot> {
    const known = this.#kept.get(snapshotId);
    if (known) return known;
    const machine = this.#machineOf(endpointId);
    const { snapshot: fault } = machine.facts.faults;
    if (fault !== 'good') this.#record({ fact: 'fault', fault: `snapshot ${fault}` });
    if (fault === 'refused') throw new SnapshotFailed(`no space for a snapshot of ${endpointId}`, false);
    const takenAt = new Date(this.#now()).toISOString();
    const kept = { snapshotId, endpointId, takenAt, disk: copyOf(machine.disk), usable: fault === 'good' };
    this.#kept.set(snapshotId, kept);
    this.#record({ fact: 'snapshot taken', endpointId, snapshotId });
    return { snapshotId, endpointId, takenAt };
  }

  async verify(endpointId: string, snapshotId: string): Promise<SnapshotVerdict> {
    const usable = this.#kept.get(snapshotId)?.usable ?? false;
    this.#record({ fact: 'snapshot verified', endpointId, snapshotId, usable });
    return usable ? { usable, because: 'its root was read' } : { usable, because: 'its root cannot be read' };
  }

  async restore(
    endpointId: string,
    snapshotId: string,
    { restoreId, generation }: { readonly restoreId: string; readonly generation: number },
  ): Promise<Restored> {
    const known = this.#restores.get(restoreId);
    if (known) return known;
    const machine = this.#machineOf(endpointId);
    const kept = this.#kept.get(snapshotId);
    const { restore: fault } = machine.facts.faults;
    if (fault !== 'good') this.#record({ fact: 'fault', fault: `restore ${fault}` });
    if (!kept?.usable) throw new SnapshotFailed(`there is no usable snapshot ${snapshotId}`, false);
    if (fault === 'refused')
      throw new SnapshotFailed(`${endpointId} cannot be rolled back: the storage says no`, false);
    machine.rollBack(kept.disk, generation);
    if (fault === 'brings a broken machine') machine.disk.services = { ...machine.disk.services, ssh: 'failed' };
    this.#record({ fact: 'restored', endpointId, snapshotId, truth: machine.truth() });
    const restored = { generation, evidenceOfFailedState: `${restoreId}.tar` };
    this.#restores.set(restoreId, restored);
    return restored;
  }

  async delete(endpointId: string, snapshotId: string): Promise<void> {
    if (this.#kept.delete(snapshotId)) this.#record({ fact: 'snapshot deleted', endpointId, snapshotId });
  }

  async list(endpointId: string): Promise<readonly Snapshot[]> {
    return [...this.#kept.values()].filter((kept) => kept.endpointId === endpointId);
  }

  #machineOf(endpointId: string): Machine {
    const machine = this.#fleet.get(endpointId);
    if (!machine) throw new SnapshotFailed(`there is no machine ${endpointId}`, false);
    return machine;
  }
}
