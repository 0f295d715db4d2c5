import type { Command } from 'commander';
import { printJson, printTable } from './print.ts';
import { stateDirectoryOf } from './running.ts';

export function statusCommand(program: Command): void {
  program
    .command('status')
    .description('What runs here: each server and worker with its pid, and whether Node still gets security updates.')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      const { stackStatus } = await import('../operator/status.ts');
      const { nodeSupport } = await import('../operator/node-support.ts');
      const status = stackStatus(stateDirectoryOf(command));
      const node = await nodeSupport();
      if (options.json) return printJson({ ...status, node });
      console.log(`The stack is ${status.state}.`);
      if (node.state !== 'supported') console.log(node.because);
      printTable(
        ['process', 'pid', 'state', 'restarts'],
        status.processes.map((one) => [one.name, String(one.pid ?? '-'), one.state, String(one.restarts)]),
      );
    });
}
