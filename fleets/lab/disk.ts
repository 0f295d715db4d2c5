import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { run, type CommandOptions } from '../../activities/adapters/command.ts';
import { snapshotSubvolume } from '../../activities/adapters/btrfs-subvolume.ts';
import { commandInCgroup } from './cgroup.ts';
import { labCgroup, type LabLayout } from './layout.ts';

/** What one endpoint may fill: the base takes 0.25 GiB, a full upgrade about as much again. */
const endpointQuota = '3G';

/** Makes the lab's disk from the cached base image, and mounts it. Does what is missing of that. */
export async function openDisk(lab: LabLayout, baseImage: string): Promise<void> {
  if (!existsSync(lab.diskImage)) {
    const copy = `${lab.diskImage}.copying`;
    await runFor(lab, ['cp', '--sparse=always', '--reflink=auto', baseImage, copy]);
    // A file system with an id of its own: the kernel would take two mounted copies for one.
    await runFor(lab, ['btrfstune', '-f', '-m', copy]);
    await rename(copy, lab.diskImage);
  }
  mkdirSync(lab.disk, { recursive: true });
  if (!isMounted(lab.disk)) await runFor(lab, ['mount', '-o', 'loop,noatime', lab.diskImage, lab.disk]);
  await startCounting(lab);
  for (const folder of [lab.endpoints, lab.sandboxes, lab.snapshots, lab.failedRoots]) {
    mkdirSync(folder, { recursive: true });
  }
}

/** Runs a command in the lab's cgroup, so that `down` also ends what an `up` that was killed had just started. */
export async function runFor(lab: LabLayout, argv: readonly string[], options: CommandOptions = {}): Promise<void> {
  await run(commandInCgroup(labCgroup(lab, 'making'), argv), options);
}

/**
 * Makes the quotas hold. A copied or uncleanly stopped disk has counts that the kernel does not trust, and then no limit
 * is enforced; nor is one after a large snapshot was deleted, unless the kernel is told to count that, too.
 */
async function startCounting(lab: LabLayout): Promise<void> {
  await runFor(lab, ['btrfs', 'quota', 'rescan', '-w', lab.disk]);
  const uuid = (await run(['findmnt', '--noheadings', '--output', 'UUID', lab.disk])).trim();
  const threshold = `/sys/fs/btrfs/${uuid}/qgroups/drop_subtree_threshold`;
  // 8 is the highest level a tree can have: none is too large to be counted.
  if (existsSync(threshold)) writeFileSync(threshold, '8');
}

/** Unmounts the disk and frees its loop device, wherever an earlier attempt stopped. The image is the caller's. */
export async function closeDisk(mountPoint: string, image: string): Promise<void> {
  for (const mount of mountsUnder(mountPoint)) await run(['umount', mount]);
  if (!existsSync(image)) return;
  const loops = await run(['losetup', '--noheadings', '--output', 'NAME', '--associated', image]);
  for (const loop of loops.split('\n').filter(Boolean)) await run(['losetup', '--detach', loop.trim()]);
}

/** A writable copy of a subvolume that shares its blocks, with a quota of its own. */
export async function snapshotWritable(source: string, target: string): Promise<void> {
  await snapshotSubvolume(source, target, 'writable');
  await limitSpace(target);
}

/** Gives a subvolume a quota of its own. */
export async function limitSpace(subvolume: string): Promise<void> {
  await run(['btrfs', 'qgroup', 'limit', endpointQuota, subvolume]);
}

export function isMounted(path: string): boolean {
  return mountsUnder(path).includes(path);
}

/** Mount points at a path and below, deepest first. */
function mountsUnder(path: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((mount) =>
      mount.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((mount) => mount === path || mount.startsWith(`${path}/`))
    .toSorted((one, other) => other.length - one.length);
}
