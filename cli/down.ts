import type { Command } from 'commander';
import { stateDirectoryOf } from './running.ts';

export function downCommand(program: Command): void {
  program
    .command('down')
    .description(
      'Stops everything that up started, the lab too. What was recorded is kept: the next up goes on from it.',
    )
    .action(async (_options: unknown, command: Command) => {
      const stopped = await bringDown(stateDirectoryOf(command));
      console.log(stopped.length > 0 ? `Stopped ${stopped.join(', ')}.` : 'Nothing was running.');
    });
}

export async function bringDown(stateDirectory: string): Promise<readonly string[]> {
  const { stopStack } = await import('../workers/embedded/supervisor.ts');
  const { labFleet } = await import('../workers/lab-fleet.ts');
  const stopped = await stopStack(stateDirectory);
  await labFleet(stateDirectory).down();
  return stopped;
}
