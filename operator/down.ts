/** Stops what `up` started, and takes away what it made. */
import { rm } from 'node:fs/promises';
import { removePostgresData } from '../embedded/postgres.ts';
import { stopStack } from '../embedded/supervisor.ts';
import type { Fleet } from '../fleets/fleet.ts';

type Stack = {
  /** Where everything embedded is kept, absolute. */
  readonly stateDirectory: string;
  readonly fleet: Pick<Fleet, 'down'>;
};

/** Stops servers and workers, and takes the fleet down; the names of what ran. What was recorded is kept. */
export async function bringDown({ stateDirectory, fleet }: Stack): Promise<readonly string[]> {
  const stopped = await stopStack(stateDirectory);
  await fleet.down();
  return stopped;
}

/** Brings everything down and removes what was recorded, as if it had never been up. */
export async function takeAway(stack: Stack): Promise<void> {
  await bringDown(stack);
  removePostgresData(stack.stateDirectory);
  await rm(stack.stateDirectory, { recursive: true, force: true, maxRetries: 5 });
}
