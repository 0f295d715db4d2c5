import type { Command } from 'commander';
import { enrolCommand } from './endpoint-enrol.ts';
import { releaseCommand } from './endpoint-release.ts';
import { printJson, printTable } from './print.ts';
import { withRunning } from './running.ts';

export function endpointCommand(program: Command): void {
  const endpoint = program.command('endpoint').description("Lists a client's endpoints, enrols and releases them.");
  listCommand(endpoint);
  enrolCommand(endpoint);
  releaseCommand(endpoint);
}

function listCommand(endpoint: Command): void {
  endpoint
    .command('list')
    .description("A client's endpoints and the state of each in its newest cycle.")
    .option('--client <id>', 'which client')
    .option('--json', 'as JSON')
    .action(async (options: { client?: string; json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const { clientIdFor } = await import('../operator/clients.ts');
        const { endpointsOf } = await import('../operator/endpoints.ts');
        const clientId = await clientIdFor(running, options.client);
        const endpoints = await endpointsOf(running, clientId);
        if (options.json) return printJson({ client: clientId, endpoints });
        printTable(
          ['endpoint', 'site', 'role', 'last seen', 'in its newest cycle'],
          endpoints.map((one) => [
            one.name,
            one.site,
            one.role ?? '-',
            one.lastSeenAt ?? 'never',
            one.outcome ?? (one.waitingFor ? `waits for ${one.waitingFor}` : '-'),
          ]),
        );
        for (const { name, personNeeded } of endpoints)
          if (personNeeded)
            console.log(`${name} needs a person since ${personNeeded.sinceAt}: ${personNeeded.because.join('; ')}.`);
      });
    });
}
