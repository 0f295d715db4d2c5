import { lstatSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

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
  await writeWhole(file, text, mode);
}

/** Writes a file whole or not at all: synced beside it, then renamed, and the folder synced. */
export async function writeWhole(file: string, text: string, mode = 0o644): Promise<void> {
  const handle = await open(`${file}.new`, 'w', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
