/** npm run migrations -- make NAME | check | dump */
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { applyMigrations, migrationsFolder } from '../../prisma/migrate.ts';
import { startThrowawayPostgres } from '../../embedded/postgres.ts';
import { dumpSchema } from './schema-dump.ts';
import { migrationLock, missingMigration, type SchemaFiles } from './schema-engine.ts';

const files: SchemaFiles = {
  schemaFile: fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url)),
  migrationsFolder,
};

const dumpFile = fileURLToPath(new URL('../../prisma/schema.sql', import.meta.url));

async function check(databaseUrl: string): Promise<void> {
  const missing = await missingMigration(databaseUrl, files);
  if (missing === '') return console.log('The migrations build what prisma/schema.prisma says.');
  console.error(
    `The migrations do not build what prisma/schema.prisma says. Run "npm run migrations -- make NAME". Missing:\n\n${missing}`,
  );
  process.exitCode = 1;
}

async function make(databaseUrl: string, name: string): Promise<void> {
  const missing = await missingMigration(databaseUrl, files);
  if (missing === '') return console.log('Nothing to make: the migrations build what prisma/schema.prisma says.');
  const madeAt = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const folder = path.join(files.migrationsFolder, `${madeAt}_${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'migration.sql'), missing);
  writeFileSync(path.join(files.migrationsFolder, 'migration_lock.toml'), migrationLock);
  console.log(
    `Wrote ${path.relative(process.cwd(), folder)}/migration.sql: read it, a rename stands there as DROP and ADD.`,
  );
  console.log('When it is as it should be, write prisma/schema.sql with "npm run migrations -- dump".');
}

/** Writes what the migrations build, on a database that is made for it and dropped again. */
async function dump(databaseUrl: string): Promise<void> {
  const name = `schema_dump_${process.pid}`;
  const own = new URL(databaseUrl);
  own.pathname = `/${name}`;
  await execute(databaseUrl, `CREATE DATABASE ${name}`);
  try {
    await applyMigrations(own.href);
    writeFileSync(dumpFile, await dumpSchema(own.href));
  } finally {
    await execute(databaseUrl, `DROP DATABASE ${name}`);
  }
  console.log(`Wrote ${path.relative(process.cwd(), dumpFile)}.`);
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

/** The server of DATABASE_URL, or one of our own for as long as it is needed. */
async function withDatabase(use: (databaseUrl: string) => Promise<void>): Promise<void> {
  const given = process.env['DATABASE_URL'];
  if (given !== undefined) return use(given);
  const folder = mkdtempSync(path.join(tmpdir(), 'patchcycle-migrations-'));
  // The server's own user must be able to walk through.
  chmodSync(folder, 0o711);
  const postgres = await startThrowawayPostgres(folder);
  try {
    await use(postgres.url);
  } finally {
    await postgres.stop();
  }
}

async function main([verb, name, ...rest]: readonly string[]): Promise<void> {
  if (verb === 'check' && name === undefined) return withDatabase(check);
  if (verb === 'dump' && name === undefined) return withDatabase(dump);
  if (verb === 'make' && name !== undefined && /^[a-z0-9_]+$/.test(name) && rest.length === 0) {
    return withDatabase((databaseUrl) => make(databaseUrl, name));
  }
  console.error('Usage: npm run migrations -- make NAME | check | dump   (NAME: small letters, digits, underscores)');
  process.exitCode = 2;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
