import { describe, expect, it } from 'vitest';
import { SnapshotFailed, type Restored, type SnapshotPort } from '../../activities/ports/snapshots.ts';
import type { Snapshot } from '../../domain/snapshots/inventory.ts';
import { describeSnapshotContract, snapshotContract, type SnapshotWorld } from './snapshot-contract.ts';

type Disk = { text: string; generation: number };

/** A driver over a machine in memory. With `lies` in place of some of its verbs it must be found out. */
function worldInMemory(lies: (honest: SnapshotPort, disk: Disk) => Partial<SnapshotPort> = () => ({})): SnapshotWorld {
  const disk: Disk = { text: '', generation: 1 };
  const kept = new Map<string, Snapshot & { readonly disk: Disk; sound: boolean }>();
  const restores = new Map<string, Restored>();
  let boots = 1;
  let ticks = 0;
  const honest: SnapshotPort = {
    create: async (endpointId, snapshotId) => {
      const present = kept.get(snapshotId);
      const taken = present ?? {
        snapshotId,
        endpointId,
        takenAt: instant((ticks += 1)),
        disk: { ...disk },
        sound: true,
      };
      kept.set(snapshotId, taken);
      return { snapshotId, endpointId, takenAt: taken.takenAt };
    },
    verify: async (_, snapshotId) => {
      const usable = kept.get(snapshotId)?.sound === true;
      return { usable, because: usable ? 'compared with its sum' : 'missing or changed' };
    },
    restore: async (endpointId, snapshotId, { restoreId, generation }) => {
      const earlier = restores.get(restoreId);
      if (earlier !== undefined) return earlier;
      const snapshot = kept.get(snapshotId);
      if (snapshot?.sound !== true) throw new SnapshotFailed(`${endpointId} has no usable ${snapshotId}.`, false);
      Object.assign(disk, snapshot.disk, { generation });
      boots += 1;
      const result = { generation, evidenceOfFailedState: restoreId };
      restores.set(restoreId, result);
      return result;
    },
    delete: async (_, snapshotId) => void kept.delete(snapshotId),
    list: async () =>
      [...kept.values()].map(({ snapshotId, endpointId, takenAt }) => ({ snapshotId, endpointId, takenAt })),
  };
  return {
    snapshots: { ...honest, ...lies(honest, disk) },
    endpointId: 'e1',
    write: async (text) => void (disk.text = text),
    read: async () => disk.text,
    generation: async () => disk.generation,
    bootId: async () => `boot ${boots}`,
    tamper: async (snapshotId) => {
      const snapshot = kept.get(snapshotId);
      if (snapshot !== undefined) snapshot.sound = false;
    },
    lose: async (snapshotId) => void kept.delete(snapshotId),
    hasEvidence: async (name) => restores.has(name),
  };
}

const instant = (tick: number): string => new Date(tick * 1000).toISOString();

describeSnapshotContract('an honest driver in memory', () => worldInMemory());

describe('the snapshot contract catches a driver that', () => {
  const liars: Record<string, Parameters<typeof worldInMemory>[0]> = {
    'says of everything that it is usable': () => ({ verify: async () => ({ usable: true, because: 'trust me' }) }),
    'says of a lost snapshot that it exists, by its catalogue': (honest) => {
      const catalogue: Snapshot[] = [];
      return {
        create: async (endpointId, snapshotId) => {
          const taken = await honest.create(endpointId, snapshotId);
          if (!catalogue.some((entry) => entry.snapshotId === snapshotId)) catalogue.push(taken);
          return taken;
        },
        list: async () => catalogue,
        verify: async (_, snapshotId) => ({
          usable: catalogue.some((entry) => entry.snapshotId === snapshotId),
          because: 'in the catalogue',
        }),
      };
    },
    'takes nothing': () => ({
      create: async (endpointId, snapshotId) => ({ snapshotId, endpointId, takenAt: instant(1) }),
    }),
    'takes a snapshot again that exists': (honest) => ({
      create: async (endpointId, snapshotId) => {
        await honest.delete(endpointId, snapshotId);
        return honest.create(endpointId, snapshotId);
      },
    }),
    'says that it restored, and did not': () => ({
      restore: async (_, __, { restoreId, generation }) => ({ generation, evidenceOfFailedState: restoreId }),
    }),
    'brings the files back and forgets the generation': (honest, disk) => ({
      restore: async (endpointId, snapshotId, order) => {
        const before = disk.generation;
        const result = await honest.restore(endpointId, snapshotId, order);
        disk.generation = before;
        return result;
      },
    }),
    'raises the generation and leaves the files': (honest, disk) => ({
      restore: async (endpointId, snapshotId, order) => {
        const before = disk.text;
        const result = await honest.restore(endpointId, snapshotId, order);
        disk.text = before;
        return result;
      },
    }),
    'restores again when it is asked again': (honest) => {
      let times = 0;
      return {
        restore: async (endpointId, snapshotId, order) =>
          honest.restore(endpointId, snapshotId, { ...order, restoreId: `${order.restoreId} ${(times += 1)}` }),
      };
    },
    'restores what is not usable': (honest) => ({
      restore: async (endpointId, snapshotId, order) => {
        await honest.create(endpointId, snapshotId);
        return honest.restore(endpointId, snapshotId, order);
      },
    }),
    'keeps no evidence': (honest) => ({
      restore: async (...order) => ({ ...(await honest.restore(...order)), evidenceOfFailedState: 'nowhere' }),
    }),
    'lists the newest first': (honest) => ({ list: async (id) => (await honest.list(id)).toReversed() }),
    'deletes nothing': () => ({ delete: async () => undefined }),
  };
  for (const [lie, lies] of Object.entries(liars)) {
    it(lie, async () => {
      const world = worldInMemory(lies);
      const broken: string[] = [];
      for (const { sentence, holds } of snapshotContract) {
        await holds(world).catch(() => broken.push(sentence));
      }
      expect(broken).not.toEqual([]);
    });
  }
});
