import { randomUUID } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type ErrorCapturingSqlMigrationAwareDriverAdapterFactory,
  type SqlDriverAdapter,
  type SqlQuery,
} from '@prisma/driver-adapter-utils';
import { Client, Pool, type QueryResult } from 'pg';

/** PostgreSQL's internal one-byte type `"char"`, which the catalogue uses and Prisma's adapter refuses to read. */
const internalCharOid = 18;
const textOid = 25;

/**
 * Prisma's pg adapter, made fit for the schema engine: it reads the catalogue's `"char"`, runs a script whole (the
 * stock one splits it at every `;`, also inside functions), closes its connections before it drops a shadow database,
 * and leaves none open at the end.
 */
export function shadowAdapter(databaseUrl: string): ErrorCapturingSqlMigrationAwareDriverAdapterFactory {
  return bindMigrationAwareSqlAdapterFactory({
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => open(databaseUrl, async () => undefined),
    connectToShadowDb: async () => {
      const database = `shadow_${randomUUID().replaceAll('-', '')}`;
      await execute(databaseUrl, `CREATE DATABASE ${database}`);
      const shadow = new URL(databaseUrl);
      shadow.pathname = `/${database}`;
      return open(shadow.href, () => execute(databaseUrl, `DROP DATABASE ${database}`));
    },
  });
}

async function open(databaseUrl: string, afterwards: () => Promise<void>): Promise<SqlDriverAdapter> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1, allowExitOnIdle: true });
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<QueryResult>;
  /** Which columns of a result are `"char"`: the adapter must take them for text, the engine must not. */
  const charColumns = new WeakMap<object, readonly boolean[]>();
  const noteCharColumns = async (...args: unknown[]) => {
    const result = await query(...args);
    const isChar = result.fields.map(({ dataTypeID }) => dataTypeID === internalCharOid);
    charColumns.set(result.rows, isChar);
    for (const [column, field] of result.fields.entries()) if (isChar[column] === true) field.dataTypeID = textOid;
    return result;
  };
  const adapter = await new PrismaPg(Object.assign(pool, { query: noteCharColumns })).connect();
  const queryRaw = adapter.queryRaw.bind(adapter);
  return Object.assign(adapter, {
    queryRaw: async (sql: SqlQuery) => {
      const result = await queryRaw(sql);
      const isChar = charColumns.get(result.rows) ?? [];
      const columnTypes = result.columnTypes.map((type, column) =>
        isChar[column] === true ? ColumnTypeEnum.Character : type,
      );
      return { ...result, columnTypes };
    },
    executeScript: async (script: string) => {
      await query(script);
    },
    dispose: async () => {
      await pool.end();
      await afterwards();
    },
  });
}

async function execute(databaseUrl: string, sql: string): Promise<void> {
  const client = new Client(databaseUrl);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
