import type { Engine } from './engine.ts';

/** By the numbers of the protocol. */
export const reusePolicies = { allow: 1, allowIfFailed: 2, reject: 3, terminateIfRunning: 4 } as const;

/** Why no workflow of this id may start now; null when it may. */
export function refusalOf(engine: Engine, workflowId: string, reusePolicy: number): string | null {
  const state = engine.newest(workflowId)?.state.state;
  if (state === undefined) return null;
  if (state === 'running') return 'one of this id runs';
  if (reusePolicy === reusePolicies.terminateIfRunning)
    throw new Error('The harness does not emulate the reuse policy TERMINATE_IF_RUNNING.');
  if (reusePolicy === reusePolicies.reject) return 'one of this id has run';
  if (reusePolicy === reusePolicies.allowIfFailed && state === 'completed') return 'one of this id has completed';
  return null;
}
