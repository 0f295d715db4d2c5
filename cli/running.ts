/** What runs, as the words of a command name it. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Running } from '../operator/connect.ts';

export function stateDirectoryOf(command: Command): string {
  return resolve(command.optsWithGlobals<{ state: string }>().state);
}

/** Runs something against what runs, and closes the connections after it. */
export async function withRunning<T>(command: Command, act: (running: Running) => Promise<T>): Promise<T> {
  const { withRunningIn } = await import('../operator/connect.ts');
  return withRunningIn(stateDirectoryOf(command), act);
}
