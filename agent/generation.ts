import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The generation of an endpoint that was never rolled back. */
const firstGeneration = 1;

/**
 * The endpoint's generation: how often its whole machine was rolled back, plus one. Whoever restores writes the file
 * `generation` into the state directory before the machine boots. Throws when the file cannot be understood: without
 * a known fence no effect may be accepted.
 */
export async function readGeneration(stateDirectory: string): Promise<number> {
  const path = join(stateDirectory, 'generation');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return String(firstGeneration);
    throw new Error(`The generation cannot be read from ${path} (${error.code}).`);
  });
  const generation = /^[1-9][0-9]{0,8}$/.test(text.trim()) ? Number(text) : null;
  if (generation === null) throw new Error(`${path} does not hold a generation: a whole number from 1 is expected.`);
  return generation;
}
