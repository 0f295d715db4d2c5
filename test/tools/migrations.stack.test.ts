import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { dumpSchema } from '../../tools/migrations/schema-dump.ts';
import { missingMigration } from '../../tools/migrations/schema-engine.ts';
import { migrationsFolder } from '../../prisma/migrate.ts';
import { nodeArgv } from '../../embedded/supervisor.ts';
import { createTestDatabase } from '../setup/database.ts';
import { temporaryFolder } from '../setup/folder.ts';

const dumpFile = fileURLToPath(new URL('../../prisma/schema.sql', import.meta.url));
const schemaFile = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url));

async function databaseNames(url: string): Promise<string[]> {
  const client = new Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>('SELECT datname AS name FROM pg_database');
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

test('the migrations of the project build what its schema says', async () => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  expect(await missingMigration(url, { schemaFile, migrationsFolder })).toBe('');
});

test('the schema that is kept as text is the one that the migrations build ("npm run migrations -- dump" writes it)', async () => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  expect(await dumpSchema(url)).toBe(readFileSync(dumpFile, 'utf8'));
});

test('whatever a migration can change in the schema changes its text', async () => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const client = new Client(url);
  await client.connect();
  onTestFinished(() => client.end());
  const changes = [
    'CREATE TABLE pet (id INT PRIMARY KEY, name TEXT)',
    'ALTER TABLE pet ALTER name SET NOT NULL',
    "ALTER TABLE pet ALTER name SET DEFAULT 'Rex'",
    'ALTER TABLE pet ALTER name TYPE VARCHAR(20)',
    "ALTER TABLE pet ADD CONSTRAINT named CHECK (name <> '')",
    "CREATE UNIQUE INDEX pet_name ON pet (name) WHERE name <> 'Rex'",
    'CREATE FUNCTION bark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
    'CREATE TRIGGER barks BEFORE UPDATE ON pet FOR EACH ROW EXECUTE FUNCTION bark()',
    'CREATE POLICY own ON pet USING (id = 1)',
    'ALTER TABLE pet ENABLE ROW LEVEL SECURITY',
    "CREATE TYPE breed AS ENUM ('beagle')",
    'CREATE SEQUENCE chips',
  ];
  let before = await dumpSchema(url);
  for (const change of changes) {
    await client.query(change);
    const after = await dumpSchema(url);
    expect(after, change).not.toBe(before);
    before = after;
  }
});

test('what the migrations lack comes out as SQL, and the shadow database is gone afterwards', async () => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, '1_first'));
  // A function's body holds semicolons: a script that is split at them would break.
  const body = 'CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; RETURN 1; END $$;';
  writeFileSync(path.join(folder, '1_first', 'migration.sql'), `${body} CREATE TABLE "Pet" (id INT PRIMARY KEY);`);
  const schema = path.join(folder, 'schema.prisma');
  writeFileSync(schema, 'datasource db {\n provider = "postgresql"\n}\nmodel Pet {\n id Int @id\n name String\n}\n');
  const missing = await missingMigration(url, { schemaFile: schema, migrationsFolder: folder });
  expect(missing).toContain('ALTER TABLE "Pet" ADD COLUMN     "name" TEXT NOT NULL');
  expect((await databaseNames(url)).filter((name) => name.startsWith('shadow_'))).toEqual([]);
});

test('the command says when it is called wrongly', () => {
  const [program, ...args] = nodeArgv(new URL('../../tools/migrations/main.ts', import.meta.url), 'make', 'Not-A-Name');
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toContain('Usage: npm run migrations -- make NAME | check | dump');
});
