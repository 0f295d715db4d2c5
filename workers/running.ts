/** The database and Temporal of the embedded stack, or those the environment names. */
import type { Client } from '@temporalio/client';
import { openDatabase, tenantsOf } from '../activities/adapters/database/prisma.ts';
import type { Tenants } from '../activities/ports/database.ts';
import { databaseUrlOf } from './config.ts';
import { readStackAddresses, stackStatus } from './embedded/supervisor.ts';
import { NothingRuns } from './refusals.ts';
import { connectClient } from './temporal.ts';

export type Running = {
  readonly tenants: Tenants;
  readonly temporal: Client;
  /** Where Temporal's web UI is; null when it is not ours to know. */
  readonly uiUrl: string | null;
  readonly namespace: string;
};

/**
 * Runs something against what runs, and closes the connections after it.
 * @throws NothingRuns when the environment names no database and no stack is up in the state directory
 */
export async function withRunningIn<T>(stateDirectory: string, act: (running: Running) => Promise<T>): Promise<T> {
  const configured = databaseUrlOf();
  const addresses = configured ? undefined : readStackAddresses(stateDirectory);
  if (!configured && (!addresses || stackStatus(stateDirectory).state !== 'up'))
    throw new NothingRuns('Nothing runs here. Start it with: patchcycle up -f DIR');
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

/** The link to a workflow in Temporal's web UI. */
export function uiLink({ uiUrl, namespace }: Pick<Running, 'uiUrl' | 'namespace'>, workflowId: string): string | null {
  return uiUrl && `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(workflowId)}`;
}
