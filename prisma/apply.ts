/** Brings the database of DATABASE_URL up to the migrations of this folder: node --import tsx prisma/apply.ts */
import { applyMigrations } from './migrate.ts';

async function main(): Promise<void> {
  const databaseUrl = process.env['DATABASE_URL'];
  if (!databaseUrl) throw new Error('Set DATABASE_URL to the database that is to be migrated.');
  const applied = await applyMigrations(databaseUrl);
  console.log(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
