import { describe, expect, it } from 'vitest';
import { SnapshotFailed, type SnapshotPort } from '../../activities/ports/snapshots.ts';

/** An endpoint and its snapshots, with a way to look at both that does not go through the driver. */
export type SnapshotWorld = {
  readonly snapshots: SnapshotPort;
  readonly endpointId: string;
  /** Writes a text somewhere on the endpoint, in place of the one before. */
  write(text: string): Promise<void>;
  read(): Promise<string>;
  /** The generation on the endpoint's disk. */
  generation(): Promise<number>;
  /** Names the endpoint's current start. Waits until the endpoint runs. */
  bootId(): Promise<string>;
  /** Changes a snapshot behind the driver's back. */
  tamper(snapshotId: string): Promise<void>;
  /** Removes a snapshot behind the driver's back. */
  lose(snapshotId: string): Promise<void>;
  /** Whether there is evidence under the name that a restore gave. */
  hasEvidence(name: string): Promise<boolean>;
};

export type Clause = { readonly sentence: string; readonly holds: (world: SnapshotWorld) => Promise<void> };

/**
 * What any driver of `SnapshotPort` must do. Each clause uses ids of its own, so all can be held against one endpoint.
 * A clause throws when the driver breaks it.
 */
export const snapshotContract: readonly Clause[] = [
  {
    sentence: 'creating the same snapshot twice is one snapshot, and it holds the first state',
    holds: async (world) => {
      await world.write('first');
      const once = await world.snapshots.create(world.endpointId, 'twice');
      await world.write('second');
      expect(await world.snapshots.create(world.endpointId, 'twice')).toEqual(once);
      expect(once).toMatchObject({ snapshotId: 'twice', endpointId: world.endpointId });
      expect((await idsOf(world)).filter((id) => id === 'twice')).toHaveLength(1);
      await restored(world, 'twice', 'restore-twice');
      expect(await world.read()).toBe('first');
    },
  },
  {
    sentence: 'a snapshot that was taken is usable, and the verdict says what was looked at',
    holds: async (world) => {
      await world.snapshots.create(world.endpointId, 'sound');
      expect(await world.snapshots.verify(world.endpointId, 'sound')).toEqual({
        usable: true,
        because: expect.stringMatching(/\w/),
      });
    },
  },
  {
    sentence: 'a snapshot that was never taken is not usable',
    holds: async (world) => {
      const verdict = await world.snapshots.verify(world.endpointId, 'never-taken');
      expect(verdict).toEqual({ usable: false, because: expect.stringMatching(/\w/) });
    },
  },
  {
    sentence: 'a snapshot that was changed since is not usable',
    holds: async (world) => {
      await world.snapshots.create(world.endpointId, 'tampered');
      await world.tamper('tampered');
      expect(await world.snapshots.verify(world.endpointId, 'tampered')).toMatchObject({ usable: false });
    },
  },
  {
    sentence: 'a snapshot that was lost is neither usable nor listed',
    holds: async (world) => {
      await world.snapshots.create(world.endpointId, 'lost');
      await world.lose('lost');
      expect(await world.snapshots.verify(world.endpointId, 'lost')).toMatchObject({ usable: false });
      expect(await idsOf(world)).not.toContain('lost');
    },
  },
  {
    sentence: 'a restore brings the files back, raises the generation, keeps evidence and starts the endpoint again',
    holds: async (world) => {
      await world.write('good');
      await world.snapshots.create(world.endpointId, 'good');
      await world.write('broken');
      const before = await world.bootId();
      const generation = (await world.generation()) + 1;
      const { snapshots, endpointId } = world;
      const result = await snapshots.restore(endpointId, 'good', { restoreId: 'restore-good', generation });
      expect(result.generation).toBe(generation);
      expect(await world.generation()).toBe(generation);
      expect(await world.read()).toBe('good');
      expect(await world.bootId()).not.toBe(before);
      expect(await world.hasEvidence(result.evidenceOfFailedState)).toBe(true);
    },
  },
  {
    sentence: 'restoring again under the same id is the same restore, and changes nothing',
    holds: async (world) => {
      await world.snapshots.create(world.endpointId, 'repeated');
      const generation = (await world.generation()) + 1;
      const order = { restoreId: 'restore-repeated', generation };
      const first = await world.snapshots.restore(world.endpointId, 'repeated', order);
      const boot = await world.bootId();
      await world.write('written after the restore');
      expect(await world.snapshots.restore(world.endpointId, 'repeated', order)).toEqual(first);
      expect(await world.read()).toBe('written after the restore');
      expect(await world.bootId()).toBe(boot);
    },
  },
  {
    sentence: 'restoring under another id is another restore',
    holds: async (world) => {
      await world.write('kept');
      await world.snapshots.create(world.endpointId, 'again');
      await restored(world, 'again', 'restore-again-1');
      await world.write('broken once more');
      await restored(world, 'again', 'restore-again-2');
      expect(await world.read()).toBe('kept');
    },
  },
  {
    sentence: 'what is not usable is not restored, and the endpoint is left as it is',
    holds: async (world) => {
      await world.write('running');
      const before = [await world.bootId(), await world.generation()];
      const generation = (await world.generation()) + 1;
      const { snapshots, endpointId } = world;
      const attempt = snapshots.restore(endpointId, 'never-taken', { restoreId: 'restore-nothing', generation });
      await expect(attempt).rejects.toBeInstanceOf(SnapshotFailed);
      expect(await world.read()).toBe('running');
      expect([await world.bootId(), await world.generation()]).toEqual(before);
    },
  },
  {
    sentence: 'snapshots are listed oldest first, each with the time it was taken',
    holds: async (world) => {
      const names = ['order-b', 'order-c', 'order-a'];
      for (const name of names) await world.snapshots.create(world.endpointId, name);
      const listed = await world.snapshots.list(world.endpointId);
      expect(listed.map(({ snapshotId }) => snapshotId).filter((id) => names.includes(id))).toEqual(names);
      const times = listed.map(({ takenAt }) => Date.parse(takenAt));
      expect(times).toEqual(times.toSorted((one, other) => one - other));
    },
  },
  {
    sentence: 'a deleted snapshot is gone, deleting it again is fine, and the others stay',
    holds: async (world) => {
      await world.snapshots.create(world.endpointId, 'stays');
      await world.snapshots.create(world.endpointId, 'goes');
      await world.snapshots.delete(world.endpointId, 'goes');
      await world.snapshots.delete(world.endpointId, 'goes');
      expect(await idsOf(world)).not.toContain('goes');
      expect(await world.snapshots.verify(world.endpointId, 'goes')).toMatchObject({ usable: false });
      expect(await world.snapshots.verify(world.endpointId, 'stays')).toMatchObject({ usable: true });
    },
  },
];

/** Holds every clause against a driver, as tests. `world` is called once the surrounding hooks have run. */
export function describeSnapshotContract(driver: string, world: () => SnapshotWorld): void {
  describe(`the snapshot contract, held by ${driver}`, () => {
    for (const { sentence, holds } of snapshotContract) it(sentence, () => holds(world()));
  });
}

async function idsOf(world: SnapshotWorld): Promise<readonly string[]> {
  return (await world.snapshots.list(world.endpointId)).map(({ snapshotId }) => snapshotId);
}

async function restored(world: SnapshotWorld, snapshotId: string, restoreId: string): Promise<void> {
  const generation = (await world.generation()) + 1;
  await world.snapshots.restore(world.endpointId, snapshotId, { restoreId, generation });
  expect(await world.generation()).toBe(generation);
}
