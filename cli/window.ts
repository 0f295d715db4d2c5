import type { Command } from 'commander';
import { badInput } from './exit.ts';
import { printJson } from './print.ts';
import { withRunning } from './running.ts';

type Options = { client?: string; site?: string; at?: string; emergency?: boolean; json?: boolean };

export function windowCommand(program: Command): void {
  program
    .command('window')
    .description("When a policy's window opens next and closes at each site, or why it does not.")
    .argument('<policy>', 'its name')
    .option('--client <id>', 'which client')
    .option('--site <name>', 'one site alone')
    .option('--at <instant>', 'as of then, like 2026-12-01T22:00:00Z, and not as of now')
    .option('--emergency', 'the window an emergency would have')
    .option('--json', 'as JSON')
    .action(async (policy: string, options: Options, command: Command) => {
      const at = instantOf(options.at);
      await withRunning(command, async (running) => {
        const { clientIdFor, policyFor } = await import('../operator/clients.ts');
        const clientId = await clientIdFor(running, options.client);
        const policyName = await policyFor(running, clientId, policy);
        const { windowsAt } = await import('../operator/windows.ts');
        const { site = null, emergency = false } = options;
        const found = await windowsAt(running, { clientId, policyName, site, at, emergency });
        if (options.json) return printJson({ client: clientId, at, ...found });
        for (const one of found.sites) console.log(`${one.site} (${one.timeZone}): ${one.because.join('\n  ')}`);
      });
    });
}

function instantOf(at: string | undefined): string {
  if (at === undefined) return new Date().toISOString();
  const hasZone = /(?:Z|[+-]\d\d:\d\d)$/.test(at);
  if (!hasZone || Number.isNaN(Date.parse(at)))
    throw badInput(
      `--at ${at}: write an instant with its zone, like 2026-12-01T22:00:00Z or 2026-12-01T22:00:00+01:00.`,
    );
  return new Date(at).toISOString();
}
