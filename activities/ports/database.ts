import type { Prisma, PrismaClient } from '../../prisma/generated/client.ts';

/** The product's own database. Prisma's client is the port: a layer over it would only forward. */
export type Database = PrismaClient;
export type Transaction = Prisma.TransactionClient;

/** The only way to a client's rows: every query made through what it returns is confined to that client. */
export interface Tenants {
  forClient(clientId: string): Database;
  /** The whole database: for what belongs to no client, and to find out whose something is. */
  readonly everybody: Database;
}
