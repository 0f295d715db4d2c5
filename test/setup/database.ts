import { Client } from 'pg';
import { inject } from 'vitest';

export type TestDatabase = {
  readonly url: string;
  readonly drop: () => Promise<void>;
};

let made = 0;

/** A migrated, empty database of the caller's own, copied from the template in a few milliseconds. */
export async function createTestDatabase(): Promise<TestDatabase> {
  made += 1;
  const name = `test_${process.pid}_${made}`;
  const url = new URL(inject('templateDatabaseUrl'));
  const template = url.pathname.slice(1);
  await execute(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => execute(`DROP DATABASE ${name} WITH (FORCE)`) };
}

async function execute(sql: string): Promise<void> {
  const server = new URL(inject('templateDatabaseUrl'));
  server.pathname = '/postgres';
  await queryOn(server.href, sql);
}

/** What a statement answers, over a connection of its own. */
export async function queryOn(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client(url);
  await client.connect();
  try {
    return ((await client.query(sql)) as { rows: Record<string, unknown>[] }).rows;
  } finally {
    await client.end();
  }
}
