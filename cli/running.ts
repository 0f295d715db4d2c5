/** What commands need of what runs: the database and Temporal of the embedded stack, or those the environment names. */
import { resolve } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { openDatabase, tenantsOf } from '../activities/adapters/database/prisma.ts';
import type { Tenants } from '../activities/ports/database.ts';
import { databaseUrlOf } from '../workers/config.ts';
import { readStackAddresses, stackStatus } from '../workers/embedded/supervisor.ts';
import { connectClient } from '../workers/temporal.ts';
import { badInput, nothingRuns } from './exit.ts';

export type Running = {
  readonly tenants: Tenants;
  readonly temporal: Client;
  /** Where Temporal's web UI is; null when it is not ours to know. */
  readonly uiUrl: string | null;
  readonly namespace: string;
};

export function stateDirectoryOf(command: Command): string {
  return resolve(command.optsWithGlobals<{ state: string }>().state);
}

/** Runs something against what runs, and closes the connections after it. */
export async function withRunning<T>(command: Command, act: (running: Running) => Promise<T>): Promise<T> {
  return withRunningIn(stateDirectoryOf(command), act);
}

export async function withRunningIn<T>(stateDirectory: string, act: (running: Running) => Promise<T>): Promise<T> {
  const configured = databaseUrlOf();
  const addresses = configured ? undefined : readStackAddresses(stateDirectory);
  if (!configured && (!addresses || stackStatus(stateDirectory).state !== 'up')) throw nothingRuns();
  const database = openDatabase(configured ?? addresses?.databaseUrl ?? '');
  const temporal = await connectClient(
    addresses && { address: addresses.temporalAddress, namespace: addresses.temporalNamespace },
  );
  try {
    return await act({
      tenants: tenantsOf(database),
      temporal,
      uiUrl: addresses?.temporalUiUrl ?? null,
      namespace: temporal.options.namespace,
    });
  } finally {
    await database.$disconnect();
    await temporal.connection.close();
  }
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

/** The link to a workflow in Temporal's web UI. */
export function uiLink({ uiUrl, namespace }: Pick<Running, 'uiUrl' | 'namespace'>, workflowId: string): string | null {
  return uiUrl && `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(workflowId)}`;
}
