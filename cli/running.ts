/** What runs, as the words of a command name it. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Running } from '../workers/running.ts';
import { badInput } from './exit.ts';

export function stateDirectoryOf(command: Command): string {
  return resolve(command.optsWithGlobals<{ state: string }>().state);
}

/** Runs something against what runs, and closes the connections after it. */
export async function withRunning<T>(command: Command, act: (running: Running) => Promise<T>): Promise<T> {
  const { withRunningIn } = await import('../workers/running.ts');
  return withRunningIn(stateDirectoryOf(command), act);
}

/** The only client there is, or the one that was named. */
export async function clientIdFor({ tenants }: Running, named: string | undefined): Promise<string> {
  const clients = await tenants.everybody.client.findMany({ select: { id: true }, orderBy: { id: 'asc' } });
  const ids = clients.map((client) => client.id);
  if (named) {
    if (ids.includes(named)) return named;
    throw badInput(`There is no client ${named}; there is ${ids.join(', ') || 'none: apply its files first'}.`);
  }
  const [only, ...others] = ids;
  if (!only) throw badInput('There is no client yet. Apply its files with: patchcycle apply -f DIR');
  if (others.length > 0) throw badInput(`Say which client: --client ${ids.join(' or ')}.`);
  return only;
}
