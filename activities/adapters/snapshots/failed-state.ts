import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../command.ts';
import { insideRoot } from '../root.ts';
import { syncFileSystem } from '../btrfs-subvolume.ts';

/** What a failed machine knew and a restore would take back. The agent's key stays where it is. */
const kept = [
  'var/lib/patchcycle/ledger',
  'var/lib/patchcycle/evidence',
  'var/lib/patchcycle/generation',
  'var/lib/dpkg/status',
  'var/log/dpkg.log',
  'var/log/apt',
  'var/log/journal',
] as const;

/**
 * Copies the logs and the ledger out of a failed root into a folder, whole or not at all. A copy that is there is kept.
 * What cannot be read is named in `not-kept.txt`: a broken disk must not keep the machine from being rolled back.
 */
export async function keepFailedState(root: string, folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const unfinished = join(dirname(folder), `.copying-${process.pid}`);
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  const notKept: string[] = [];
  for (const path of kept) {
    try {
      const source = insideRoot(root, path);
      if (!existsSync(source)) continue;
      await mkdir(dirname(join(unfinished, path)), { recursive: true });
      await run(['cp', '--archive', '--sparse=always', source, join(unfinished, path)]);
    } catch (error) {
      notKept.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (notKept.length > 0) await writeFile(join(unfinished, 'not-kept.txt'), `${notKept.join('\n')}\n`);
  await syncFileSystem(unfinished);
  await rename(unfinished, folder);
}
