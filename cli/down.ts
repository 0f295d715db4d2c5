import type { Command } from 'commander';
import { stateDirectoryOf } from './running.ts';

export function downCommand(program: Command): void {
  program
    .command('down')
    .description(
      'Stops everything that up started, the lab too. What was recorded is kept: the next up goes on from it.',
    )
    .action(async (_options: unknown, command: Command) => {
      const { bringDown } = await import('../operator/down.ts');
      const { labFleet } = await import('../fleets/lab/fleet.ts');
      const stateDirectory = stateDirectoryOf(command);
      // Of all fleets the lab alone has more to take down than processes; where there is none it does nothing.
      const stopped = await bringDown({ stateDirectory, fleet: labFleet(stateDirectory) });
      console.log(stopped.length > 0 ? `Stopped ${stopped.join(', ')}.` : 'Nothing was running.');
    });
}
