import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { nodeArgv } from '../../embedded/launch.ts';
import { applyMigrations, migrationsFolder, readMigrations } from '../../prisma/migrate.ts';
import { createTestDatabase, queryOn } from '../setup/database.ts';
import { temporaryFolder } from '../setup/folder.ts';

/** A folder of migrations, and an empty schema of a database to apply them to. */
async function scene(files: Readonly<Record<string, string>>) {
  const folder = temporaryFolder();
  for (const [name, sql] of Object.entries(files)) {
    mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, name, 'migration.sql'), sql);
  }
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const query = (sql: string) => queryOn(url, sql);
  await query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  return { folder, url, query, file: (name: string) => path.join(folder, name, 'migration.sql') };
}

test('each migration is applied once, in order, and a second run finds nothing to do', async () => {
  const { folder, url, query } = await scene({
    '2_second': 'ALTER TABLE a ADD y INT;',
    '1_first': 'CREATE TABLE a (x INT); CREATE TABLE b (x INT);',
  });
  expect(await applyMigrations(url, folder)).toEqual(['1_first', '2_second']);
  expect(await applyMigrations(url, folder)).toEqual([]);
  expect(await query('SELECT count(*)::int AS count FROM _prisma_migrations WHERE finished_at IS NOT NULL')).toEqual([
    { count: 2 },
  ]);
});

test('two processes that migrate at once apply each migration once', async () => {
  const { folder, url } = await scene({ '1_first': 'CREATE TABLE a (x INT);', '2_second': 'CREATE TABLE b (x INT);' });
  const applied = await Promise.all([applyMigrations(url, folder), applyMigrations(url, folder)]);
  expect(applied.flat()).toEqual(['1_first', '2_second']);
});

test('a file that was changed after it was applied is refused by name', async () => {
  const { folder, url, file } = await scene({ '1_first': 'CREATE TABLE a (x INT);' });
  await applyMigrations(url, folder);
  appendFileSync(file('1_first'), '-- a further thought\n');
  await expect(applyMigrations(url, folder)).rejects.toThrow(`${file('1_first')} was changed after it was applied`);
});

test('a migration that fails changes nothing, is reported with its file, and stops those after it', async () => {
  const { folder, url, query, file } = await scene({
    '1_broken': 'CREATE TABLE a (x INT); SELECT * FROM nowhere;',
    '2_second': 'CREATE TABLE b (x INT);',
  });
  await expect(applyMigrations(url, folder)).rejects.toThrow(
    `Migration ${file('1_broken')} failed, and changed nothing: error: relation "nowhere" does not exist`,
  );
  expect(await query("SELECT to_regclass('a') AS a, to_regclass('b') AS b")).toEqual([{ a: null, b: null }]);
  expect(await query("SELECT logs LIKE '%nowhere%' AS said FROM _prisma_migrations")).toEqual([{ said: true }]);
  await expect(applyMigrations(url, folder)).rejects.toThrow('Migration 1_broken failed before.');
});

test('a failed migration is applied again once it is marked as rolled back', async () => {
  const { folder, url, query, file } = await scene({ '1_broken': 'SELECT * FROM nowhere;' });
  await expect(applyMigrations(url, folder)).rejects.toThrow('1_broken');
  await query("UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '1_broken'");
  writeFileSync(file('1_broken'), 'CREATE TABLE a (x INT);');
  expect(await applyMigrations(url, folder)).toEqual(['1_broken']);
});

test('a database of a newer program is refused', async () => {
  const { folder, url } = await scene({ '1_first': 'SELECT 1;', '2_second': 'SELECT 1;' });
  await applyMigrations(url, folder);
  rmSync(path.join(folder, '2_second'), { recursive: true });
  await expect(applyMigrations(url, folder)).rejects.toThrow('2_second');
});

test('the program that production runs applies what is due, and without a database says what to set', async () => {
  const { url } = await scene({});
  const [program, ...args] = nodeArgv(new URL('../../prisma/apply.ts', import.meta.url));
  const run = (environment: Readonly<Record<string, string>>) =>
    spawnSync(program, args, { encoding: 'utf8', env: { PATH: process.env['PATH'], ...environment } });
  const names = readMigrations(migrationsFolder).map(({ name }) => name);
  expect(run({ DATABASE_URL: url }).stdout).toBe(`Applied ${names.join(', ')}.\n`);
  expect(run({ DATABASE_URL: url }).stdout).toBe('The database is up to date.\n');
  expect(run({})).toMatchObject({ status: 1, stderr: expect.stringMatching(/^Set DATABASE_URL/) });
});
