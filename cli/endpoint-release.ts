import type { Command } from 'commander';
import { personAtKeyboard } from '../operator/environment.ts';
import { badInput } from './exit.ts';
import { withRunning } from './running.ts';

type Options = { client?: string; why: string; who: string };

/** `patchcycle endpoint release`. */
export function releaseCommand(endpoint: Command): void {
  endpoint
    .command('release')
    .description('Takes an endpoint out of quarantine that a person has repaired or replaced.')
    .argument('<endpoint>', 'its name')
    .option('--client <id>', 'which client')
    .requiredOption('--why <reason>', 'why; it is recorded')
    .option('--who <name>', 'who gives the order', personAtKeyboard())
    .action(async (name: string, { client, who, why }: Options, command: Command) => {
      if (!who.trim() || !why.trim()) throw badInput('Say who gives the order, and why.');
      await withRunning(command, async (running) => {
        const { clientIdFor } = await import('../operator/clients.ts');
        const { releaseFromQuarantine } = await import('../operator/endpoints.ts');
        const clientId = await clientIdFor(running, client);
        console.log(await releaseFromQuarantine(running, { clientId, name }, { who, why }));
      });
    });
}
