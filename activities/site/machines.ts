/** What is done to whole machines from outside: snapshots, restores, sandboxes. Runs in the site's worker. */
import type { AgentIdentity } from '../ports/agent.ts';
import type { SandboxPort } from '../ports/sandboxes.ts';
import type { Restored, SnapshotPort, SnapshotVerdict } from '../ports/snapshots.ts';
import { derivedName } from '../../system/derived-name.ts';
import { bound } from '../bound.ts';

export type SandboxIdentity = { readonly certificate: string; readonly authority: string };

type Ports = { readonly snapshots: SnapshotPort; readonly sandboxes: SandboxPort };

export function machineActivities(ports: Ports) {
  return bound(ports, {
    takeSnapshot,
    verifySnapshot,
    restoreSnapshot,
    prepareSandbox,
    startSandbox,
    destroySandbox,
  });
}

/** Takes a snapshot and looks at it. */
async function takeSnapshot(
  { snapshots }: Ports,
  {
    endpoint,
    snapshotId,
  }: {
    endpoint: AgentIdentity;
    snapshotId: string;
  },
): Promise<SnapshotVerdict> {
  await snapshots.create(endpoint.endpointId, snapshotId);
  return snapshots.verify(endpoint.endpointId, snapshotId);
}

/** Looks at a snapshot that was taken earlier. */
async function verifySnapshot(
  { snapshots }: Ports,
  {
    endpoint,
    snapshotId,
  }: {
    endpoint: AgentIdentity;
    snapshotId: string;
  },
): Promise<SnapshotVerdict> {
  return snapshots.verify(endpoint.endpointId, snapshotId);
}

async function restoreSnapshot(
  { snapshots }: Ports,
  {
    endpoint,
    snapshotId,
    purpose,
    generation,
  }: {
    endpoint: AgentIdentity;
    snapshotId: string;
    /** What the restore is for, in words that are the same at every try. */
    purpose: string;
    generation: number;
  },
): Promise<Restored> {
  return snapshots.restore(endpoint.endpointId, snapshotId, {
    restoreId: derivedName('restore', purpose),
    generation,
  });
}

async function prepareSandbox(
  { sandboxes }: Ports,
  { endpointId, sandboxId }: { endpointId: string; sandboxId: string },
) {
  return sandboxes.prepare(endpointId, sandboxId);
}

async function startSandbox(
  { sandboxes }: Ports,
  {
    sandboxId,
    identity,
  }: {
    sandboxId: string;
    identity: SandboxIdentity;
  },
): Promise<AgentIdentity> {
  return sandboxes.start(sandboxId, identity);
}

async function destroySandbox({ sandboxes }: Ports, { sandboxId }: { sandboxId: string }): Promise<void> {
  return sandboxes.destroy(sandboxId);
}
