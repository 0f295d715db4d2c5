import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Where everything of one lab is, and what the kernel calls it. Derived from the lab's directory alone. */
export type LabLayout = {
  readonly directory: string;
  /** Short hash of the directory; part of every name the kernel sees, so that labs cannot meet. */
  readonly hash: string;
  readonly stateFile: string;
  readonly diskImage: string;
  /** Where the disk is mounted; everything below is a btrfs subvolume or a folder of them. */
  readonly disk: string;
  readonly base: string;
  readonly endpoints: string;
  readonly sandboxes: string;
  readonly snapshots: string;
  readonly failedRoots: string;
  /** Logs and ledgers copied out of failed roots. */
  readonly evidence: string;
  /** One file for each restore: what was asked, whether it is done. */
  readonly restores: string;
  readonly repository: string;
  readonly signing: string;
  readonly logs: string;
  /** Sockets: a short path, because a socket's name may have 108 characters at most. */
  readonly run: string;
};

export function defaultLabDirectory(): string {
  return resolve('.patchcycle', 'lab');
}

/** The layout of the lab in a directory, which need not exist yet. Symbolic links are followed: one lab, one hash. */
export function layoutOf(labDirectory: string): LabLayout {
  const directory = canonical(resolve(labDirectory));
  const hash = shortHash(directory);
  const disk = join(directory, 'disk');
  return {
    directory,
    hash,
    stateFile: join(directory, 'state.json'),
    diskImage: join(directory, 'disk.img'),
    disk,
    base: join(disk, 'base'),
    endpoints: join(disk, 'endpoints'),
    sandboxes: join(disk, 'sandboxes'),
    snapshots: join(disk, 'snapshots'),
    failedRoots: join(disk, 'failed'),
    evidence: join(directory, 'evidence'),
    restores: join(directory, 'restores'),
    repository: join(directory, 'repository'),
    signing: join(directory, 'signing'),
    logs: join(directory, 'logs'),
    run: `/run/patchcycle-${hash}`,
  };
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** The prefix of every network namespace of the lab. */
export function namespacePrefix(lab: LabLayout): string {
  return `patchcycle-${lab.hash}-`;
}

export function siteNamespace(lab: LabLayout, site: string): string {
  return `${namespacePrefix(lab)}site-${site}`;
}

export function endpointNamespace(lab: LabLayout, endpoint: string): string {
  return `${namespacePrefix(lab)}endpoint-${endpoint}`;
}

export function endpointRoot(lab: LabLayout, endpoint: string): string {
  return join(lab.endpoints, endpoint);
}

/** The lab's cgroup, or one inside it. */
export function labCgroup(lab: LabLayout, ...inside: readonly string[]): string {
  return join(`patchcycle-${lab.hash}`, ...inside);
}

export function endpointCgroup(lab: LabLayout, endpoint: string): string {
  return labCgroup(lab, `endpoint-${endpoint}`);
}

function canonical(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(canonical(dirname(path)), basename(path));
  }
}
