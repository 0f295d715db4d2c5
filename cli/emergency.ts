import type { Command } from 'commander';
import { personAtKeyboard } from '../operator/environment.ts';
import { badInput } from './exit.ts';
import { printJson } from './print.ts';
import { withRunning } from './running.ts';

export function emergencyCommand(program: Command): void {
  const emergency = program
    .command('emergency')
    .description('Patches at once what one advisory needs, and nothing else.');
  emergency
    .command('start')
    .description('Starts the emergency cycle of an advisory; starting it again is the same cycle.')
    .requiredOption('--advisory <cve>', 'which: CVE-2026-12345')
    .option('--client <id>', 'which client')
    .option('--policy <name>', 'whose emergency section; may be left out where one policy applies')
    .option('--json', 'as JSON')
    .action(
      async (options: { advisory: string; client?: string; policy?: string; json?: boolean }, command: Command) => {
        if (!/^CVE-\d{4}-\d{4,}$/.test(options.advisory))
          throw badInput(`--advisory ${options.advisory}: write a CVE, for example CVE-2026-12345.`);
        await withRunning(command, async (running) => {
          const { clientIdFor, policyFor } = await import('../operator/clients.ts');
          const clientId = await clientIdFor(running, options.client);
          const policyName = await policyFor(running, clientId, options.policy);
          const { startEmergency } = await import('../operator/cycles.ts');
          const input = await startEmergency(running, {
            clientId,
            policyName,
            advisory: options.advisory,
            startedBy: personAtKeyboard(),
          });
          const link = running.linkTo(input.cycleId);
          if (options.json) return printJson({ cycleId: input.cycleId, uiLink: link });
          console.log(`Emergency cycle ${input.cycleId}.${link ? ` In Temporal's UI: ${link}` : ''}`);
        });
      },
    );
}
