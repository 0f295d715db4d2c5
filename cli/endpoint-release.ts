import type { Command } from 'commander';
import { personAtKeyboard } from '../operator/environment.ts';
import { badInput } from './exit.ts';
import { withRunning } from './running.ts';

type Options = { client?: string; why: string; who: string };

/** `patchcycle endpoints release`. */
export function releaseCommand(endpoints: Command): void {
  endpoints
    .command('release')
    .description('Takes an endpoint out of quarantine that a person has mended or replaced.')
    .argument('<endpoint>', 'its name')
    .requiredOption('--why <reason>', 'why; it is recorded')
    .option('--who <name>', 'who gives the order', personAtKeyboard())
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, who, why } = command.optsWithGlobals<Options>();
      if (!who.trim() || !why.trim()) throw badInput('Say who gives the order, and why.');
      await withRunning(command, async (running) => {
        const { clientIdFor } = await import('../operator/clients.ts');
        const { releaseFromQuarantine } = await import('../operator/endpoints.ts');
        const clientId = await clientIdFor(running, client);
        console.log(await releaseFromQuarantine(running, { clientId, name }, { who, why }));
      });
    });
}
