/** `npm run db -- [STATE_DIRECTORY]`: prints the URL of the embedded database, and opens psql on it where there is one. */
import { spawnSync } from 'node:child_process';
import { runningDatabase } from './running-database.ts';

const databaseUrl = runningDatabase(process.argv[2]);
if (databaseUrl !== undefined) {
  console.log(databaseUrl);
  const { error, status } = spawnSync('psql', [databaseUrl], { stdio: 'inherit' });
  if (error) console.log('There is no psql on this machine: open the URL with any client of PostgreSQL.');
  else process.exitCode = status ?? 1;
}
