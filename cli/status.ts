import type { Command } from 'commander';
import { printJson, printTable } from './print.ts';
import { stateDirectoryOf } from './running.ts';

export function statusCommand(program: Command): void {
  program
    .command('status')
    .description('What runs here: each server and worker with its pid.')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      const { stackStatus } = await import('../operator/status.ts');
      const status = stackStatus(stateDirectoryOf(command));
      if (options.json) return printJson(status);
      console.log(`The stack is ${status.state}.`);
      printTable(
        ['process', 'pid', 'state', 'restarts'],
        status.processes.map((one) => [one.name, String(one.pid ?? '-'), one.state, String(one.restarts)]),
      );
    });
}
