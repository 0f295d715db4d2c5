/** The embedded database of a running stack, for developers' programs. */
import { resolve } from 'node:path';
import { readStackAddresses, stackStatus } from '../embedded/supervisor.ts';

const nothingRuns = 3;

/** Its URL, password included; undefined, with a sentence and an exit code, when no stack runs there. */
export function runningDatabase(directory = '.patchcycle'): string | undefined {
  const stateDirectory = resolve(directory);
  const { state } = stackStatus(stateDirectory);
  const addresses = state === 'up' ? readStackAddresses(stateDirectory) : undefined;
  if (addresses !== undefined) return addresses.databaseUrl;
  console.error(
    `No stack runs in ${stateDirectory}: start one with "npm run dev", or name the folder of one that runs.`,
  );
  process.exitCode = nothingRuns;
  return undefined;
}
