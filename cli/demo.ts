import { join } from 'node:path';
import type { Command } from 'commander';
import type { DemoOptions } from './demo-run.ts';
import { stateDirectoryOf } from './running.ts';

export function demoCommand(program: Command): void {
  program
    .command('demo')
    .description(
      "One cycle from a bare machine to a client's report, on a fleet of its own. Stops and removes everything after it.",
    )
    .option('-f, --file <dir>', "the client's files", 'examples/acme')
    .option('--fleet <kind>', 'lab or simulated; without it the lab where there can be one')
    .option('--keep', 'leave everything running')
    .option('--json', 'end with one line of JSON')
    .action(async (options: DemoOptions, command: Command) => {
      const { demo } = await import('./demo-run.ts');
      const kept = stateDirectoryOf(command);
      await demo(options, { state: join(kept, 'demo'), reports: join(kept, 'demo-reports') });
    });
}
