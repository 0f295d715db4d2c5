import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { z } from 'zod';
import { writeWholeSync } from '../system/whole-files.ts';

/**
 * Reads a file of the state directory; undefined when there is none.
 * @throws Error when it holds something else than expected
 */
export function readStateFile<T>(file: string, schema: z.ZodType<T>): T | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    // Asked before, another process may remove it in between.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(
      `${file} cannot be read as what Patchcycle wrote there: ${String(error)}. Put it back, or remove it.`,
      {
        cause: error,
      },
    );
  }
}

/** Writes it whole or not at all, readable for us alone: passwords stand in some. */
export function writeStateFile(file: string, content: unknown): void {
  // 0711: the database's own user must be able to walk through to its data.
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o711 });
  writeWholeSync(file, `${JSON.stringify(content, null, 2)}\n`);
}
