import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { AgentAddress } from '../../../domain/endpoints/endpoint.ts';
import type { AgentIdentity } from '../../ports/agent.ts';
import type { PowerPort } from '../../ports/power.ts';
import { SandboxFailed, type SandboxIdentity, type SandboxPort } from '../../ports/sandboxes.ts';
import { writeWhole } from '../../../system/whole-files.ts';
import { writeInRoot } from '../root.ts';
import { removeSnapshotFolder } from '../btrfs-place.ts';
import { snapshotSubvolume, syncFileSystem } from '../btrfs-subvolume.ts';
import { takingTurns } from '../turns.ts';
import { makeKey, replaceIdentity, stateDirectory } from './identity.ts';

/** A clone as whoever boots it needs to know it. */
export type Clone = {
  readonly sandboxId: string;
  readonly endpointId: string;
  readonly hostname: string;
  readonly root: string;
};

/** What the driver needs of the lab it works in. */
export type SandboxPlace = {
  readonly power: PowerPort;
  /** The subvolume an endpoint runs from. Throws when there is no such endpoint. */
  rootOf(endpointId: string): string;
  /** Where clones are kept: on the file system of the roots. */
  readonly folder: string;
  limitSpace(subvolume: string): Promise<void>;
  /** Boots a clone, unless it runs, on a network that leads nowhere; gives the way to its agent. */
  boot(clone: Clone): Promise<AgentAddress>;
  /** Stops a clone and takes its network away; gone is fine. */
  stop(hostname: string): Promise<void>;
};

const preparedSchema = z.strictObject({
  sandboxId: z.string(),
  endpointId: z.string(),
  certificateRequest: z.string(),
});
const preparedFile = 'sandbox.json';

/**
 * Sandboxes on the lab's own disk. A clone is a folder with a writable subvolume and what was noted when it was ready;
 * it gets its name last.
 */
export function labSandboxes(place: SandboxPlace): SandboxPort {
  const inTurn = takingTurns();
  return {
    prepare: (endpointId, sandboxId) => inTurn(sandboxId, () => prepare(place, endpointId, sandboxId)),
    start: (sandboxId, identity) => inTurn(sandboxId, () => start(place, sandboxId, identity)),
    destroy: (sandboxId) => inTurn(sandboxId, () => destroy(place, sandboxId)),
    list: () => Promise.resolve(list(place)),
  };
}

async function prepare(
  place: SandboxPlace,
  endpointId: string,
  sandboxId: string,
): Promise<{ readonly certificateRequest: string }> {
  const folder = folderOf(place, sandboxId);
  if (existsSync(join(folder, 'root'))) {
    const prepared = readPrepared(folder);
    if (prepared.endpointId === endpointId) return { certificateRequest: prepared.certificateRequest };
    throw new SandboxFailed(`Sandbox ${sandboxId} is a clone of ${prepared.endpointId}, not of ${endpointId}.`, false);
  }
  const original = place.rootOf(endpointId);
  if (!existsSync(original))
    throw new SandboxFailed(`${endpointId} has no root at ${original}: nothing to clone.`, true);

  await mkdir(place.folder, { recursive: true });
  const unfinished = unfinishedFolderOf(place, sandboxId);
  for (const folderToRemove of [unfinished, folder]) await removeSnapshotFolder(folderToRemove);
  const root = join(unfinished, 'root');
  await mkdir(unfinished);
  await syncFileSystem(original);
  await place.power.holdStill(endpointId, async () => {
    await syncFileSystem(original);
    await snapshotSubvolume(original, root, 'writable');
  });
  await place.limitSpace(root);
  await replaceIdentity(root, sandboxId, hostnameOf(sandboxId));
  const certificateRequest = await makeKey(root, hostnameOf(sandboxId));
  await writeWhole(join(unfinished, preparedFile), JSON.stringify({ sandboxId, endpointId, certificateRequest }));
  await rename(unfinished, folder);
  return { certificateRequest };
}

async function start(place: SandboxPlace, sandboxId: string, identity: SandboxIdentity): Promise<AgentIdentity> {
  const folder = folderOf(place, sandboxId);
  const root = join(folder, 'root');
  if (!existsSync(root)) throw new SandboxFailed(`There is no sandbox ${sandboxId}: prepare it first.`, false);
  const { endpointId } = readPrepared(folder);
  await writeInRoot(root, `${stateDirectory}/certificate.pem`, identity.certificate, 0o600);
  await writeInRoot(root, `${stateDirectory}/authority.pem`, identity.authority, 0o600);
  const address = await place.boot({ sandboxId, endpointId, hostname: hostnameOf(sandboxId), root });
  return { endpointId: sandboxId, address };
}

async function destroy(place: SandboxPlace, sandboxId: string): Promise<void> {
  await place.stop(hostnameOf(sandboxId));
  for (const folder of [unfinishedFolderOf(place, sandboxId), folderOf(place, sandboxId)])
    await removeSnapshotFolder(folder);
}

function list(place: SandboxPlace): readonly string[] {
  if (!existsSync(place.folder)) return [];
  return readdirSync(place.folder)
    .filter((name) => !name.startsWith('.'))
    .map((name) => decodeURIComponent(name));
}

function readPrepared(folder: string): z.infer<typeof preparedSchema> {
  return preparedSchema.parse(JSON.parse(readFileSync(join(folder, preparedFile), 'utf8')));
}

function folderOf(place: SandboxPlace, sandboxId: string): string {
  if (sandboxId === '' || sandboxId.startsWith('.')) {
    throw new SandboxFailed(`"${sandboxId}" cannot name a sandbox.`, false);
  }
  return join(place.folder, encodeURIComponent(sandboxId));
}

/** The folder is shared by the workers of all sites: what another is preparing is not an attempt that was cut short. */
function unfinishedFolderOf(place: SandboxPlace, sandboxId: string): string {
  return join(place.folder, `.preparing-${encodeURIComponent(sandboxId)}`);
}

/** Short, whatever the id: host names have 64 characters at most, and so have sockets' names little room. */
function hostnameOf(sandboxId: string): string {
  return `sandbox-${createHash('sha256').update(sandboxId).digest('hex').slice(0, 8)}`;
}
