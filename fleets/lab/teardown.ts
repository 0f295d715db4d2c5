import { existsSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sweepAbandonedBuilds } from './base.ts';
import { killCgroup, removeCgroup } from './cgroup.ts';
import { closeDisk, isMounted } from './disk.ts';
import { labCgroup, layoutOf, namespacePrefix, type LabLayout } from './layout.ts';
import { namespacesWith, removeNamespace } from './network.ts';
import { endSigning } from './repository.ts';
import { readState } from './state.ts';

const nspawnFolder = '/run/systemd/nspawn';

/**
 * Takes a lab down, after a crash at any point, and again: machines and helpers, networks, disk, files. What the
 * kernel holds is found by the lab's hash; files go only where a state file says that a lab was made here, and only
 * those the lab makes. The cached base stays.
 * @throws Error with one sentence when this user is not root and the lab there is
 */
export async function labDown(directory: string): Promise<void> {
  const lab = layoutOf(directory);
  if (process.getuid?.() !== 0) return leaveToRoot(lab);
  await killCgroup(labCgroup(lab));
  await endSigning(lab);
  for (const namespace of namespacesWith(namespacePrefix(lab))) await removeNamespace(namespace);
  await removeNspawnLeftovers(lab);
  await closeDisk(lab.disk, lab.diskImage);
  await removeCgroup(labCgroup(lab));
  await rm(lab.run, { recursive: true, force: true });
  await sweepAbandonedBuilds();
  if (existsSync(lab.stateFile)) await removeFiles(lab);
}

/** Only root can make a lab. Where there is none nothing of it is left, and root's other labs are nobody's to look at. */
function leaveToRoot(lab: LabLayout): void {
  if (existsSync(lab.stateFile)) throw new Error(`Root made the lab in ${lab.directory}: take it down as root.`);
}

/** The state file goes last: as long as it is there, the rest is known to be the lab's. */
async function removeFiles(lab: LabLayout): Promise<void> {
  if (isMounted(lab.disk)) throw new Error(`${lab.disk} is still mounted: nothing of the lab's files was removed.`);
  readState(lab);
  const copying = `${lab.diskImage}.copying`;
  const made = [lab.disk, lab.evidence, lab.restores, lab.repository, lab.signing, lab.logs, lab.diskImage, copying];
  for (const path of made) await rm(path, { recursive: true, force: true });
  await rm(`${lab.stateFile}.new`, { force: true });
  await rm(lab.stateFile);
  if (readdirSync(lab.directory).length === 0) rmdirSync(lab.directory);
}

/** systemd-nspawn keeps locks by the root's device and inode, and a folder by the machine's name. */
async function removeNspawnLeftovers(lab: LabLayout): Promise<void> {
  const roots = [...foldersIn(lab.endpoints), ...foldersIn(lab.sandboxes).map((folder) => join(folder, 'root'))].filter(
    existsSync,
  );
  for (const root of roots) {
    const { dev, ino } = statSync(root);
    await rm(join(nspawnFolder, 'locks', `inode-${dev}:${ino}`), { force: true });
  }
  const propagate = join(nspawnFolder, 'propagate');
  if (!existsSync(propagate)) return;
  for (const name of readdirSync(propagate)) {
    if (name.startsWith(namespacePrefix(lab))) await rm(join(propagate, name), { recursive: true });
  }
}

function foldersIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}
