import { lstatSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeWhole } from '../../system/whole-files.ts';

/**
 * The path of a file of a machine's root as this machine sees it. Throws when a link lies on the way: whoever owns the
 * machine could have made it lead out of the root, onto us.
 */
export function insideRoot(root: string, path: string): string {
  let here = root;
  for (const part of path.split('/').filter(Boolean)) {
    if (part === '..') throw new Error(`The path ${path} leads out of ${root}.`);
    here = join(here, part);
    if (lstatSync(here, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
      throw new Error(`${here} is a link, where a real file or folder is expected.`);
    }
  }
  return here;
}

/** Writes a file of a machine's root, whole or not at all, and on the disk when this returns. */
export async function writeInRoot(root: string, path: string, text: string, mode = 0o644): Promise<void> {
  const file = insideRoot(root, path);
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: mode === 0o600 ? 0o700 : 0o755 });
  await writeWhole(file, text, { mode });
}
