import type { Command } from 'commander';
import { personAtKeyboard } from '../operator/environment.ts';
import { printJson } from './print.ts';
import { withRunning } from './running.ts';

export function applyCommand(program: Command): void {
  program
    .command('apply')
    .description("Applies a client's files: client, sites, endpoints, policies. Whole or not at all.")
    .requiredOption('-f, --file <dir>', "the directory of the client's YAML")
    .option('--json', 'as JSON')
    .action(async (options: { file: string; json?: boolean }, command: Command) => {
      const { putInForce, readClient } = await import('../operator/apply.ts');
      const files = await readClient(options.file);
      await withRunning(command, async (running) => {
        const applied = await putInForce(running, files, personAtKeyboard());
        if (options.json) return printJson(applied);
        console.log(`Client ${applied.client}: ${applied.sites} sites, ${applied.endpoints} endpoints.`);
        for (const policy of applied.policies)
          console.log(`Policy ${policy.name}, version ${policy.version}${policy.changed ? ', new' : ', as before'}.`);
        for (const what of applied.retired) console.log(`Retired, no longer patched: ${what}.`);
        for (const schedule of applied.schedules) console.log(`Scheduled: ${schedule}`);
      });
    });
}
