import type { Command } from 'commander';
import { whyInWords } from '../reports/why.ts';
import { printJson } from './print.ts';
import { withRunning } from './running.ts';
import { nameIn } from '../domain/ids.ts';

export function whyCommand(program: Command): void {
  program
    .command('why')
    .description(
      'Why an endpoint, or a package on it, stands as it does in its newest cycle: the recorded reasons, and what it waits for now.',
    )
    .argument('<endpoint>', 'its name')
    .argument('[package]', 'a package on it')
    .option('--client <id>', 'which client')
    .option('--cycle <id>', 'another cycle than the newest')
    .option('--json', 'as JSON')
    .action(
      async (
        endpoint: string,
        packageName: string | undefined,
        options: { client?: string; cycle?: string; json?: boolean },
        command: Command,
      ) => {
        await withRunning(command, async (running) => {
          const { clientIdFor } = await import('../operator/clients.ts');
          const { newestCycleOf } = await import('../operator/endpoints.ts');
          const { readFacts } = await import('../operator/facts.ts');
          const { waitOf } = await import('../operator/windows.ts');
          const clientId = await clientIdFor(running, options.client);
          const asked = { clientId, name: endpoint, cycleId: options.cycle };
          const { cycleId, endpointId } = await newestCycleOf(running, asked);
          const because = whyInWords(await readFacts(running, cycleId), nameIn(endpointId), packageName);
          const wait = await waitOf(running, { clientId, cycleId, endpointId });
          if (options.json) return printJson({ endpoint, package: packageName ?? null, cycleId, because, wait });
          console.log(because.join('\n'));
          if (wait) console.log(['now:', ...wait.because].join('\n  '));
        });
      },
    );
}
