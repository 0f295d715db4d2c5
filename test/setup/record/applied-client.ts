/** What the tests of the workers stand on: a database of their own, the example client under a name of its own, Temporal. */
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { inject, onTestFinished } from 'vitest';
import { readClientFiles } from '../../../activities/adapters/policy-files/yaml.ts';
import { type Tenants, openDatabase, tenantsOf } from '../../../record/database.ts';
import type { ClientFiles } from '../../../domain/policies/policy.ts';
import { applyClient } from '../../../operator/apply.ts';
import { createTestDatabase } from '../database.ts';

let made = 0;

/** Its two sites are in two zones. The name is new each time: Temporal is shared with other tests. */
export async function exampleFiles(): Promise<ClientFiles> {
  const files = await readClientFiles(fileURLToPath(new URL('../../../examples/acme', import.meta.url)));
  made += 1;
  return { ...files, client: { ...files.client, id: `client-${process.pid}-${made}` } };
}

/** An empty database, gone with the test. */
export async function emptyTenants(): Promise<Tenants> {
  const { url, drop } = await createTestDatabase();
  const database = openDatabase(url);
  onTestFinished(async () => {
    await database.$disconnect();
    await drop();
  });
  return tenantsOf(database);
}

/** A Temporal without a worker for what we start. */
export async function temporalClient(): Promise<Client> {
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  onTestFinished(() => connection.close());
  return new Client({ connection, namespace: inject('temporalNamespace') });
}

/** The example client, applied. */
export async function appliedClient(): Promise<{ tenants: Tenants; files: ClientFiles; clientId: string }> {
  const [tenants, files] = await Promise.all([emptyTenants(), exampleFiles()]);
  await applyClient(tenants, files, 'dana');
  return { tenants, files, clientId: files.client.id };
}
