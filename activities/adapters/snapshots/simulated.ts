/** Snapshots of a simulated fleet's machines: the process that runs them takes them, from outside. */
import { z } from 'zod';
import { SnapshotFailed } from '../../ports/snapshots.ts';
import type { Restored, SnapshotPort, SnapshotVerdict } from '../../ports/snapshots.ts';
import { FleetRefused, FleetUnreachable, askFleet, pathOf } from '../simulated-fleet.ts';
import type { Snapshot } from '../../../domain/snapshots/inventory.ts';

const snapshotSchema = z.object({
  snapshotId: z.string(),
  endpointId: z.string(),
  takenAt: z.iso.datetime(),
}) satisfies z.ZodType<Snapshot>;
const listSchema = z.object({ snapshots: z.array(snapshotSchema) });
const verdictSchema = z.object({ usable: z.boolean(), because: z.string() }) satisfies z.ZodType<SnapshotVerdict>;
const restoredSchema = z.object({
  generation: z.number().int().min(1),
  evidenceOfFailedState: z.string().min(1),
}) satisfies z.ZodType<Restored>;
const nothing = z.object({});

/** @param socketPath the control socket in the fleet's directory */
export function simulatedSnapshots(socketPath: string): SnapshotPort {
  return {
    create: (endpointId, snapshotId) =>
      ask(socketPath, { method: 'PUT', path: snapshotPath(endpointId, snapshotId) }, snapshotSchema),
    verify: (endpointId, snapshotId) =>
      ask(socketPath, { method: 'GET', path: snapshotPath(endpointId, snapshotId, 'verdict') }, verdictSchema),
    restore: (endpointId, snapshotId, restore) => {
      const path = snapshotPath(endpointId, snapshotId, 'restore');
      return ask(socketPath, { method: 'POST', path, body: restore }, restoredSchema);
    },
    delete: async (endpointId, snapshotId) => {
      await ask(socketPath, { method: 'DELETE', path: snapshotPath(endpointId, snapshotId) }, nothing);
    },
    list: async (endpointId) =>
      (await ask(socketPath, { method: 'GET', path: snapshotPath(endpointId) }, listSchema)).snapshots,
  };
}

const ask: typeof askFleet = (socketPath, question, schema) => askFleet(socketPath, question, schema).catch(fail);

function snapshotPath(endpointId: string, ...more: readonly string[]): string {
  return pathOf('endpoints', endpointId, 'snapshots', ...more);
}

/** What the fleet refuses stays refused; a process that is away or stumbled may do it when asked again. */
function fail(error: unknown): never {
  if (error instanceof FleetUnreachable) throw new SnapshotFailed(error.message, true);
  if (error instanceof FleetRefused) throw new SnapshotFailed(error.message, error.status >= 500);
  throw new SnapshotFailed('The simulated fleet answered what this program does not know.', false);
}
