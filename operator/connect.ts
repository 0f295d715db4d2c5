/** The database and Temporal of the embedded stack, or those the environment names. */
import type { Client } from '@temporalio/client';
import { type Tenants, openDatabase, tenantsOf } from '../record/database.ts';
import { type StackAddresses, readStackAddresses } from '../embedded/stack-state.ts';
import { stackStatus } from '../embedded/stack-status.ts';
import { databaseUrlOf } from './environment.ts';
import { NotRunning } from './errors.ts';

export type Running = {
  readonly tenants: Tenants;
  /** Loaded and connected when it is first asked for: that takes longer than most orders and questions do. */
  readonly temporal: () => Promise<Client>;
  /** Of a workflow in Temporal's web UI; null when that is not ours to know. */
  readonly linkTo: (workflowId: string) => string | null;
};

/** What most orders and questions need of what runs. */
export type Connections = Pick<Running, 'tenants' | 'temporal'>;

/**
 * Runs something against what runs, and closes the connections after it.
 * @throws NotRunning when the environment names no database and no stack is up in the state directory
 */
export async function withRunningIn<T>(stateDirectory: string, act: (running: Running) => Promise<T>): Promise<T> {
  const configured = databaseUrlOf();
  const addresses = configured ? undefined : readStackAddresses(stateDirectory);
  if (!configured && (!addresses || stackStatus(stateDirectory).state !== 'up'))
    throw new NotRunning('Nothing runs here. Start it with: patchcycle up -f DIR');
  const database = openDatabase(configured ?? addresses?.databaseUrl ?? '');
  let connected: Promise<Client> | undefined;
  try {
    return await act({
      tenants: tenantsOf(database),
      temporal: () => (connected ??= connect(addresses)),
      linkTo: (workflowId) => linkIn(addresses, workflowId),
    });
  } finally {
    await database.$disconnect();
    // The caller has already been told that there was no connection.
    const temporal = await connected?.catch(() => undefined);
    await temporal?.connection.close();
  }
}

async function connect(addresses: StackAddresses | undefined): Promise<Client> {
  const { connectClient } = await import('./temporal.ts');
  return connectClient(addresses && { address: addresses.temporalAddress, namespace: addresses.temporalNamespace });
}

function linkIn(addresses: StackAddresses | undefined, workflowId: string): string | null {
  if (!addresses?.temporalUiUrl) return null;
  const { temporalUiUrl, temporalNamespace } = addresses;
  return `${temporalUiUrl}/namespaces/${temporalNamespace}/workflows/${encodeURIComponent(workflowId)}`;
}
