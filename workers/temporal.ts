/** A worker's connection to Temporal, from TEMPORAL_* or a profile of its own configuration file (@temporalio/envconfig). */
import { Client } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';

export type WorkerConnection = {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** Over the same connection: for what a worker asks of Temporal itself. */
  readonly client: Client;
};

export async function connectWorker(): Promise<WorkerConnection> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  return { connection, namespace, client: new Client({ connection, namespace }) };
}
