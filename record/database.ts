/** The product's own database: Prisma over node-postgres, and the confinement of every query to one client. */
import { Prisma, PrismaClient } from '../prisma/generated/client.ts';
import { PrismaPg } from '@prisma/adapter-pg';

/** The product's own database. Prisma's client is the port: a layer over it would only forward. */
export type Database = PrismaClient;
export type Transaction = Prisma.TransactionClient;

/** The only way to a client's rows: every query made through what it returns is confined to that client. */
export interface Tenants {
  forClient(clientId: string): Database;
  /** The whole database: for what belongs to no client, and to find out whose something is. */
  readonly everybody: Database;
}

export function openDatabase(databaseUrl: string): Database {
  // Prisma's own five seconds and two end a transaction that only waits for a busy machine.
  const transactionOptions = { timeout: 60_000, maxWait: 30_000 };
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl, max: 8 }), transactionOptions });
}

export function tenantsOf(database: Database): Tenants {
  const confined = new Map<string, Database>();
  return {
    everybody: database,
    forClient(clientId) {
      const known = confined.get(clientId);
      if (known) return known;
      const made = confine(database, clientId);
      confined.set(clientId, made);
      return made;
    },
  };
}

type Arguments = { where?: object; data?: unknown; create?: object; update?: object };

/** Every read, change and removal gets the client into its condition, every new row into its data. */
function confine(database: Database, clientId: string): Database {
  const extension = Prisma.defineExtension({
    query: {
      $allModels: {
        $allOperations({ model, operation, args, query }) {
          return query(confineArguments(model, operation, args, clientId) as typeof args);
        },
      },
    },
  });
  return database.$extends(extension) as unknown as Database;
}

function confineArguments(model: string, operation: string, args: unknown, clientId: string): Arguments {
  const own = model === 'Client' ? { id: clientId } : { clientId };
  const given = (args ?? {}) as Arguments;
  if (operation === 'create') return { ...given, data: { ...(given.data as object), ...own } };
  if (operation === 'createMany' || operation === 'createManyAndReturn') {
    const rows = Array.isArray(given.data) ? given.data : [given.data];
    return { ...given, data: rows.map((row: object) => ({ ...row, ...own })) };
  }
  const where = { ...given.where, ...own };
  if (operation === 'upsert') return { ...given, where, create: { ...given.create, ...own } };
  return { ...given, where };
}
