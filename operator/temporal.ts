/** Connections to Temporal, from TEMPORAL_* or a profile of its own configuration file (@temporalio/envconfig). */
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

/** @param given where the embedded server is; without it the environment says */
export async function connectClient(given?: { address: string; namespace: string }): Promise<Client> {
  if (given) {
    const connection = await Connection.connect({ address: given.address });
    return new Client({ connection, namespace: given.namespace });
  }
  const { connectionOptions, namespace } = loadClientConnectConfig();
  return new Client({ connection: await Connection.connect(connectionOptions), namespace: namespace ?? 'default' });
}
