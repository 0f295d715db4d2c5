/** Snapshots of simulated machines: copies of their disks, each with a manifest that is written last. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { copyTree, digestsOf } from './copy-tree.ts';
import { readJson, writeJson } from './files.ts';
import type { MachineFiles } from './layout.ts';

const manifestSchema = z.strictObject({
  snapshotId: z.string(),
  endpointId: z.string(),
  takenAt: z.iso.datetime(),
  /** SHA-256 of every file. */
  digests: z.record(z.string(), z.string()),
});
type Manifest = z.infer<typeof manifestSchema>;
export type KeptSnapshot = Pick<Manifest, 'snapshotId' | 'endpointId' | 'takenAt'>;
export type Verdict = { readonly usable: boolean; readonly because: string };

/** Takes a snapshot, unless it was taken before. */
export function createSnapshot(
  root: string,
  folder: string,
  names: { readonly snapshotId: string; readonly endpointId: string },
): KeptSnapshot {
  const known = readManifest(folder);
  if (known !== null) return described(known);
  rmSync(folder, { recursive: true, force: true });
  copyTree(root, join(folder, 'root'));
  const digests = digestsOf(join(folder, 'root'));
  const manifest: Manifest = { ...names, takenAt: nextInstant(dirname(folder)), digests };
  writeJson(manifestOf(folder), manifest);
  return described(manifest);
}

/** Now, or just after the newest snapshot: two in one millisecond keep their order. */
function nextInstant(folder: string): string {
  const newest = listSnapshots(folder).at(-1);
  return new Date(Math.max(Date.now(), newest === undefined ? 0 : Date.parse(newest.takenAt) + 1)).toISOString();
}

/** Reads every file of the snapshot and compares it with what was taken. */
export function verifySnapshot(folder: string): Verdict {
  const manifest = readableManifest(folder);
  if (manifest === undefined) return { usable: false, because: 'Its manifest cannot be read.' };
  if (manifest === null) return { usable: false, because: 'There is no such snapshot.' };
  const found = existsSync(join(folder, 'root')) ? digestsOf(join(folder, 'root')) : {};
  const paths = [...new Set([...Object.keys(manifest.digests), ...Object.keys(found)])];
  const altered = paths.filter((path) => found[path] !== manifest.digests[path]);
  if (altered.length > 0) return { usable: false, because: `Not as it was taken: ${altered.join(', ')}.` };
  if (paths.length === 0) return { usable: false, because: 'The snapshot is empty.' };
  return { usable: true, because: `All ${paths.length} files have the content they were taken with.` };
}

/** Deletes a snapshot; fine when it is gone. */
export function deleteSnapshot(folder: string): void {
  rmSync(manifestOf(folder), { force: true });
  rmSync(folder, { recursive: true, force: true });
}

/** The snapshots in a folder, oldest first. */
export function listSnapshots(folder: string): readonly KeptSnapshot[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => readManifest(join(folder, name)))
    .filter((manifest) => manifest !== null)
    .map(described)
    .toSorted((a, b) => a.takenAt.localeCompare(b.takenAt));
}

/**
 * Puts a snapshot in the place of a halted machine's disk, with the raised generation in it, and keeps the failed disk
 * as evidence. May be cut short anywhere and called again: each step sees whether it was done.
 */
export function restoreSnapshot(
  files: MachineFiles,
  folder: string,
  evidence: string,
  restore: { readonly restoreId: string; readonly generation: number },
): void {
  if (wasRestoredBy(files.root, restore.restoreId)) return;
  if (!existsSync(evidence)) {
    mkdirSync(dirname(evidence), { recursive: true });
    renameSync(files.root, evidence);
  }
  const beside = `${files.root}.restoring`;
  rmSync(beside, { recursive: true, force: true });
  copyTree(join(folder, 'root'), beside);
  mkdirSync(join(beside, 'state'), { recursive: true });
  writeFileSync(join(beside, 'state', 'generation'), `${restore.generation}\n`);
  writeJson(join(beside, mark), { restoreId: restore.restoreId });
  rmSync(files.root, { recursive: true, force: true });
  renameSync(beside, files.root);
}

const mark = 'restored-by.json';

function wasRestoredBy(root: string, restoreId: string): boolean {
  const file = join(root, mark);
  return existsSync(file) && readJson(file, z.object({ restoreId: z.string() })).restoreId === restoreId;
}

/** Undefined when there is one that cannot be read. */
function readableManifest(folder: string): Manifest | null | undefined {
  try {
    return readManifest(folder);
  } catch {
    return undefined;
  }
}

function readManifest(folder: string): Manifest | null {
  const file = manifestOf(folder);
  return existsSync(file) ? readJson(file, manifestSchema) : null;
}

function manifestOf(folder: string): string {
  return join(folder, 'manifest.json');
}

function described({ snapshotId, endpointId, takenAt }: Manifest): KeptSnapshot {
  return { snapshotId, endpointId, takenAt };
}
