/** The state of simulated machines, as JSON. */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { writeWholeSync } from '../../system/whole-files.ts';

/** Not synced: a simulated machine outlives a `kill -9`, and no power cut of the real one. */
export function writeJson(file: string, content: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  writeWholeSync(file, `${JSON.stringify(content, null, 1)}\n`, { synced: false });
}

/** Reads a file that `writeJson` wrote. Throws, naming the file, when it is not what the schema says. */
export function readJson<Content>(file: string, schema: z.ZodType<Content>): Content {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file} cannot be read as state of the simulated fleet.`, { cause: error });
  }
}
