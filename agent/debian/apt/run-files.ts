/** The files of a run: one folder each, in the agent's state directory. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packageName, patchSchema } from '../../../protocol/agent.ts';
import type { Run, RunEnd } from '../../machine.ts';

export type RunFiles = {
  readonly folder: string;
  /** What is to be done. Written before the run is started. */
  readonly request: string;
  /** Made by the run when it begins, so that it never begins twice. */
  readonly begun: string;
  /** What the package manager prints. */
  readonly output: string;
  /** What was said to apt when it asked before it started dpkg. */
  readonly verdict: string;
  /** The run's own account, written when it comes to its end by itself. */
  readonly account: string;
  /** How systemd saw it end. Its presence says that the run is over. */
  readonly result: string;
};

export function runFiles(folder: string): RunFiles {
  const file = (name: string) => join(folder, name);
  return {
    folder,
    request: file('order.json'),
    begun: file('begun'),
    output: file('output.log'),
    verdict: file('verdict.json'),
    account: file('account.json'),
    result: file('result.json'),
  };
}

const limitMinutes = z.number().int().min(1);
export const runSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('install'),
    patches: z.array(patchSchema),
    allowRemove: z.array(packageName),
    limitMinutes,
  }),
  z.strictObject({ kind: z.literal('repair'), patches: z.array(patchSchema), limitMinutes }),
  z.strictObject({
    kind: z.literal('roll back packages'),
    patches: z.array(patchSchema),
    hold: z.array(packageName),
    limitMinutes,
  }),
]) satisfies z.ZodType<Run>;

export const reportedEndSchema = z.strictObject({
  ending: z.enum(['finished', 'failed']),
  because: z.string(),
  packagesAtFault: z.array(z.string()),
}) satisfies z.ZodType<RunEnd>;
export type ReportedEnd = z.infer<typeof reportedEndSchema>;

/** systemd.exec(5): $SERVICE_RESULT, $EXIT_CODE and $EXIT_STATUS as a unit's stop commands see them. */
export const resultSchema = z.strictObject({
  serviceResult: z.string(),
  exitCode: z.string(),
  exitStatus: z.string(),
  bootId: z.string(),
  endedAt: z.string(),
});

/** Null when the file is not there or is not what it should be: both mean that nothing is known. */
export async function readJsonFile<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.infer<Schema> | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
