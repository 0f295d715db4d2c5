import { existsSync } from 'node:fs';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { simulatedSnapshots } from '../../../activities/adapters/snapshots/simulated.ts';
import { fleetDirectory } from '../../../fleets/simulated/client.ts';
import { describeSnapshotContract } from '../../contracts/snapshot-contract.ts';
import type { SnapshotWorld } from '../../contracts/snapshot-contract.ts';
import { openFleet } from '../../setup/simulated/running-fleet.ts';
import type { RunningFleet } from '../../setup/simulated/running-fleet.ts';
import { until } from '../../setup/until.ts';

let fleet: RunningFleet;
beforeAll(async () => {
  fleet = await openFleet();
});
afterAll(() => fleet.close());

describeSnapshotContract('the driver of the simulated fleet', (): SnapshotWorld => {
  const layout = fleetDirectory(fleet.directory);
  const { root, state, stateDirectory } = layout.endpoint('web-1');
  const note = join(root, 'note.txt');
  return {
    snapshots: simulatedSnapshots(fleet.socket),
    endpointId: 'web-1',
    write: (text) => writeFile(note, text),
    read: () => readFile(note, 'utf8'),
    generation: async () => Number(await readFile(join(stateDirectory, 'generation'), 'utf8').catch(() => '1')),
    bootId: async () => {
      await until('web-1 is up', async () => (await fleet.endpoint('web-1')).state === 'up');
      return (JSON.parse(await readFile(state, 'utf8')) as { bootId: string }).bootId;
    },
    tamper: (snapshotId) => appendFile(join(layout.snapshot('web-1', snapshotId), 'root', 'machine.json'), ' '),
    lose: (snapshotId) => rm(layout.snapshot('web-1', snapshotId), { recursive: true }),
    hasEvidence: async (name) => existsSync(join(fleet.directory, name, 'machine.json')),
  };
});
