/** Migrations keep data: a database that the landing before has filled is on record after them. */
import { cpSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { applyMigrations, migrationsFolder } from '../../prisma/migrate.ts';
import { createTestDatabase, queryOn } from '../setup/database.ts';
import { temporaryFolder } from '../setup/folder.ts';

const fixtures = path.join(import.meta.dirname, 'fixtures');

/** A folder with the migrations up to one of them, that one included. */
function migrationsUpTo(last: string): string {
  const folder = temporaryFolder();
  for (const name of readdirSync(migrationsFolder))
    if (!/^\d/.test(name) || name <= last)
      cpSync(path.join(migrationsFolder, name), path.join(folder, name), { recursive: true });
  return folder;
}

/** A database with the schema after that migration, filled with the fixture of its name. */
async function filledAt(last: string) {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const query = (sql: string) => queryOn(url, sql);
  await query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await applyMigrations(url, migrationsUpTo(last));
  const rows = readFileSync(path.join(fixtures, `${last}.sql`), 'utf8');
  // The rows come table by table, not in the order in which they refer to each other.
  await query(`SET session_replication_role = replica; ${rows}`);
  return { url, query };
}

async function countsOf(query: (sql: string) => Promise<Record<string, unknown>[]>) {
  const tables = await query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`);
  const names = tables.map(({ tablename }) => String(tablename)).filter((name) => !name.startsWith('_'));
  const counts: [string, unknown][] = [];
  for (const name of names) {
    const [row] = await query(`SELECT count(*)::int AS rows FROM "${name}"`);
    if (row?.['rows'] !== 0) counts.push([name, row?.['rows']]);
  }
  return counts;
}

test.each(readdirSync(fixtures).map((file) => path.basename(file, '.sql')))(
  'every row that was on record at %s is on record after the migrations that follow',
  async (last) => {
    const { url, query } = await filledAt(last);
    const before = await countsOf(query);
    expect(before.length).toBeGreaterThan(8);
    await applyMigrations(url);
    expect(await countsOf(query)).toEqual(before);
  },
);

test('what stood among reasons as a sentence is a column, where it can be read', async () => {
  const { url, query } = await filledAt('20261122102000_released_endpoints');
  await applyMigrations(url);
  const rows = await query(
    `SELECT "endpointId", "rollBackOrderId", "skippedBy" FROM "CycleEndpoint"
     WHERE "rollBackOrderId" IS NOT NULL OR "skippedBy" IS NOT NULL ORDER BY 1`,
  );
  expect(rows).toEqual([
    { endpointId: 'berlin-db-1.acme', rollBackOrderId: null, skippedBy: 'lee' },
    {
      endpointId: 'chicago-app-1.acme',
      rollBackOrderId: 'rollback/cycle/acme/servers/2026-11-22/1',
      skippedBy: null,
    },
  ]);
});
