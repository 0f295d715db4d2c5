import type { Command } from 'commander';
import { nameIn } from '../domain/cycle.ts';
import { whyInWords } from '../reports/why.ts';
import { badInput } from './exit.ts';
import { printJson } from './print.ts';
import { clientIdFor, withRunning } from './running.ts';

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
          const { inCyclesOfItsPolicy, readFacts } = await import('../workers/facts.ts');
          const { waitOf } = await import('../workers/windows.ts');
          const clientId = await clientIdFor(running, options.client);
          const which = options.cycle ? { cycleId: options.cycle } : await inCyclesOfItsPolicy(running, clientId);
          const row = await running.tenants.forClient(clientId).cycleEndpoint.findFirst({
            where: { endpoint: { name: endpoint }, ...which },
            orderBy: { cycle: { startedAt: 'desc' } },
          });
          if (!row) throw badInput(`No cycle has had an endpoint ${endpoint}. See: patchcycle endpoints`);
          const facts = await readFacts(running, row.cycleId);
          const because = whyInWords(facts, nameIn(row.endpointId), packageName);
          const { cycleId, endpointId } = row;
          const wait = await waitOf(running, { clientId, cycleId, endpointId });
          if (options.json) return printJson({ endpoint, package: packageName ?? null, cycleId, because, wait });
          console.log(because.join('\n'));
          if (wait) console.log(['now:', ...wait.because].join('\n  '));
        });
      },
    );
}
