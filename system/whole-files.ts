/**
 * Files that are there whole or not at all: written under a name of their own, synced, put in place in one step, and
 * their folder synced, so that after a power cut a file holds either what it held before or what was written.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { link, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export type WholeFileOptions = {
  /** By default for us alone. The mode of a file that was there before is not kept. */
  readonly mode?: number;
};

/** Writes a file whole, over one that is there. Two writers at once do not disturb each other: the last one counts. */
export function writeWhole(file: string, content: string | Uint8Array, options: WholeFileOptions = {}): Promise<void> {
  const { mode = 0o600 } = options;
  return makeWhole(file, (unfinished) => writeFile(unfinished, content, { mode, flag: 'wx' }));
}

/** Writes a file whole unless there is one: whoever comes first counts. */
export function writeOnce(file: string, content: string, { mode = 0o600 }: WholeFileOptions = {}): Promise<void> {
  return putWhole(
    file,
    (unfinished) => writeFile(unfinished, content, { mode, flag: 'wx' }),
    async (unfinished) => {
      await link(unfinished, file).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      await rm(unfinished);
    },
  );
}

/** As `writeWhole`, for a file that something else makes: `make` is told under which name. */
export function makeWhole(file: string, make: (unfinished: string) => Promise<void>): Promise<void> {
  return putWhole(file, make, (unfinished) => rename(unfinished, file));
}

async function putWhole(
  file: string,
  make: (unfinished: string) => Promise<void>,
  place: (unfinished: string) => Promise<void>,
): Promise<void> {
  const unfinished = unfinishedName(file);
  try {
    await make(unfinished);
    await sync(unfinished);
    await place(unfinished);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await sync(dirname(file));
}

/**
 * `writeWhole` for callers that cannot wait for a promise.
 * @param options `synced: false` for a file that need not outlive a power cut, only the end of its writer
 */
export function writeWholeSync(
  file: string,
  content: string,
  { mode = 0o600, synced = true }: WholeFileOptions & { readonly synced?: boolean } = {},
): void {
  const unfinished = unfinishedName(file);
  try {
    writeFileSync(unfinished, content, { mode, flag: 'wx' });
    if (synced) syncNow(unfinished);
    renameSync(unfinished, file);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
  if (synced) syncNow(dirname(file));
}

/** Writes files by their names below a folder, which is made where it is not there. Returns their paths. */
export async function writeFiles(
  folder: string,
  files: readonly { readonly name: string; readonly content: string }[],
  mode = 0o644,
): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const { name, content } of files) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(path, content, { mode });
    paths.push(path);
  }
  return paths;
}

/** Makes a folder that only we read, and the entry that leads to it, durably. */
export async function makeFolderDurably(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made !== undefined) await sync(dirname(made));
}

/** Hidden, and with an ending that nobody reads: a writer that is killed leaves it behind. */
function unfinishedName(file: string): string {
  return join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.new`);
}

async function sync(path: string): Promise<void> {
  const opened = await open(path, 'r');
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

function syncNow(path: string): void {
  const opened = openSync(path, 'r');
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
