import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Writes files by their names below a folder, which is made where it is not there; their paths. A reader sees each as it
 * was before or as it is after, never half of it. One that is there already does not keep the mode it has.
 */
export async function writeFiles(
  folder: string,
  files: readonly { readonly name: string; readonly content: string }[],
  mode = 0o644,
): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const { name, content } of files) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    // A name of its own: the same file may be written twice at once.
    const unfinished = `${path}.${randomUUID()}`;
    await writeFile(unfinished, content, { mode });
    await rename(unfinished, path);
    paths.push(path);
  }
  return paths;
}
