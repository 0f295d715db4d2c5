/** Files that are there as a whole or not at all, also after a `kill -9` of the process that wrote them. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';

/** Writes JSON beside the file and renames it into place. */
export function writeJson(file: string, content: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  const beside = `${file}.new`;
  writeFileSync(beside, `${JSON.stringify(content, null, 1)}\n`);
  renameSync(beside, file);
}

/** Reads a file that `writeJson` wrote. Throws, naming the file, when it is not what the schema says. */
export function readJson<Content>(file: string, schema: z.ZodType<Content>): Content {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file} cannot be read as state of the simulated fleet.`, { cause: error });
  }
}
