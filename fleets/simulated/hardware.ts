/** What survives whatever happens on a machine's disk: its power, how often it booted, what was restored on it. */
import { z } from 'zod';
import { readJson, writeJson } from './files.ts';
import type { MachineFiles } from './layout.ts';

const restoredSchema = z.strictObject({
  generation: z.number().int(),
  /** Where the failed state is kept, relative to the fleet's directory. */
  evidence: z.string(),
});

const hardwareSchema = z.strictObject({
  power: z.enum(['on', 'off']),
  /** Counts every time the machine was started; the boot id is derived from it. */
  boots: z.number().int(),
  /** The common name of the agent's certificate, once it has one. */
  endpointId: z.string().nullable(),
  /** A restore that has begun; it goes on after a crash. */
  restoring: z.strictObject({ restoreId: z.string(), snapshotId: z.string(), generation: z.number().int() }).nullable(),
  /** Restores that are complete, by their id. */
  restores: z.record(z.string(), restoredSchema),
});
export type Hardware = z.infer<typeof hardwareSchema>;

export const newHardware: Hardware = { power: 'off', boots: 0, endpointId: null, restoring: null, restores: {} };

export function readHardware(files: MachineFiles): Hardware {
  return readJson(files.hardware, hardwareSchema);
}

export function writeHardware(files: MachineFiles, hardware: Hardware): void {
  writeJson(files.hardware, hardware);
}
