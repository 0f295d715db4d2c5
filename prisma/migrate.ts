/**
 * How a database is brought up to the migrations: by our own program, since Prisma's needs an engine that the image has
 * not.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';

/** One folder of prisma/migrations. */
export type Migration = { readonly name: string; readonly file: string; readonly sql: string };

/** Where the project keeps its migrations. */
export const migrationsFolder = fileURLToPath(new URL('./migrations', import.meta.url));

/** The number Prisma's own engine locks, so that it and we never migrate at once. */
const prismaLock = 72707369;

/** As Prisma's engine makes it: with the engine, `prisma migrate deploy` can continue from here. */
const prismaTable = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id                  VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum            VARCHAR(64) NOT NULL,
  finished_at         TIMESTAMPTZ,
  migration_name      VARCHAR(255) NOT NULL,
  logs                TEXT,
  rolled_back_at      TIMESTAMPTZ,
  started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

type AppliedRow = { readonly name: string; readonly checksum: string; readonly finished: boolean };

/** The migrations in the order in which they are applied. */
export function readMigrations(folder: string): Migration[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return names
    .map(({ name }) => ({ name, file: path.join(folder, name, 'migration.sql') }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, file }) => ({ name, file, sql: readFileSync(file, 'utf8') }));
}

/**
 * Brings the database up to the migrations of the folder, each file as one query: all of it or nothing.
 * @returns the names of those applied now, none when the database was up to date
 * @throws Error when one failed before, fails now, or was changed after it was applied
 */
export async function applyMigrations(databaseUrl: string, folder = migrationsFolder): Promise<string[]> {
  const migrations = readMigrations(folder);
  const client = new Client(databaseUrl);
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [prismaLock]);
    await client.query(prismaTable);
    const applied = await readApplied(client);
    refuseUnknown(applied, migrations, folder);
    const due = migrations.filter((migration) => isDue(migration, applied.get(migration.name)));
    for (const migration of due) await apply(client, migration);
    return due.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

async function readApplied(client: Client): Promise<Map<string, AppliedRow>> {
  const { rows } = await client.query<AppliedRow>(
    'SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished ' +
      'FROM _prisma_migrations WHERE rolled_back_at IS NULL',
  );
  return new Map(rows.map((row) => [row.name, row]));
}

/** A database ahead of the program belongs to a newer one: an older must not work on it. */
function refuseUnknown(applied: Map<string, AppliedRow>, migrations: readonly Migration[], folder: string): void {
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = [...applied.keys()].filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new Error(
    `The database has migrations that ${folder} lacks (${unknown.join(', ')}): it was made by a newer Patchcycle. ` +
      'Start that one, or use another database.',
  );
}

function isDue({ name, file, sql }: Migration, applied: AppliedRow | undefined): boolean {
  if (applied === undefined) return true;
  if (!applied.finished) {
    throw new Error(
      `Migration ${name} failed before. Repair the database, then mark it: ` +
        `UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '${name}'.`,
    );
  }
  if (applied.checksum === checksum(sql)) return false;
  throw new Error(`${file} was changed after it was applied. Put it back as it was, and make a further migration.`);
}

async function apply(client: Client, { name, file, sql }: Migration): Promise<void> {
  const id = randomUUID();
  await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [
    id,
    checksum(sql),
    name,
  ]);
  try {
    await client.query(sql);
  } catch (error) {
    // A file may have opened a transaction of its own, which now refuses everything.
    await client.query('ROLLBACK');
    await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, String(error)]);
    throw new Error(`Migration ${file} failed, and changed nothing: ${String(error)}`, { cause: error });
  }
  await client.query('UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = $1', [id]);
}

function checksum(sql: string): string {
  return createHash('sha256').update(sql).digest('hex');
}
