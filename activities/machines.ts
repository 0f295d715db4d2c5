/** What is done to whole machines from outside: snapshots, restores, sandboxes. Runs in the site's worker. */
import { createHash } from 'node:crypto';
import type { AgentIdentity } from './ports/agent.ts';
import type { SandboxPort } from './ports/sandboxes.ts';
import type { Restored, SnapshotPort, SnapshotVerdict } from './ports/snapshots.ts';

export type SandboxIdentity = { readonly certificate: string; readonly authority: string };

export function machineActivities(ports: { readonly snapshots: SnapshotPort; readonly sandboxes: SandboxPort }) {
  const { snapshots, sandboxes } = ports;
  return {
    /** Takes a snapshot and looks at it. */
    async takeSnapshot({
      endpoint,
      snapshotId,
    }: {
      endpoint: AgentIdentity;
      snapshotId: string;
    }): Promise<SnapshotVerdict> {
      await snapshots.create(endpoint.endpointId, snapshotId);
      return snapshots.verify(endpoint.endpointId, snapshotId);
    },

    /** Looks at a snapshot that was taken earlier. */
    async verifySnapshot({
      endpoint,
      snapshotId,
    }: {
      endpoint: AgentIdentity;
      snapshotId: string;
    }): Promise<SnapshotVerdict> {
      return snapshots.verify(endpoint.endpointId, snapshotId);
    },

    async restoreSnapshot({
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
    }): Promise<Restored> {
      return snapshots.restore(endpoint.endpointId, snapshotId, {
        restoreId: derivedName('restore', purpose),
        generation,
      });
    },

    async prepareSandbox({ endpointId, sandboxId }: { endpointId: string; sandboxId: string }) {
      return sandboxes.prepare(endpointId, sandboxId);
    },

    async startSandbox({
      sandboxId,
      identity,
    }: {
      sandboxId: string;
      identity: SandboxIdentity;
    }): Promise<AgentIdentity> {
      return sandboxes.start(sandboxId, identity);
    },

    async destroySandbox({ sandboxId }: { sandboxId: string }): Promise<void> {
      return sandboxes.destroy(sandboxId);
    },
  };
}

/** A short name, the same for the same purpose, that files, certificates and kernels accept: `snapshot-3f6c1d0a94be`. */
export function derivedName(kind: string, purpose: string): string {
  return `${kind}-${createHash('sha256').update(purpose).digest('hex').slice(0, 12)}`;
}

/** The name of the snapshot before a plan is installed: another plan, another attempt, or the machine after a restore, gets another one. */
export function snapshotNameOf(work: {
  readonly cycleId: string;
  readonly endpointId: string;
  readonly planDigest: string;
  readonly generation: number;
  readonly attempt?: number;
}): string {
  const { cycleId, endpointId, planDigest, generation, attempt = 1 } = work;
  const again = attempt === 1 ? '' : ` attempt ${attempt}`;
  return derivedName('snapshot', `${cycleId} ${endpointId} ${planDigest} ${generation}${again}`);
}

/** The name of the clone that tries a segment's patches, in the client's names. */
export function sandboxNameOf(test: {
  readonly cycleId: string;
  readonly segment: string;
  readonly attempt: number;
}): string {
  const { cycleId, segment, attempt } = test;
  return derivedName('sandbox', `${cycleId} ${segment} ${attempt}`);
}
