/** What snapshots and sandboxes are named: by what they are for, so that they are found again. */
import { derivedName } from '../system/derived-name.ts';

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
