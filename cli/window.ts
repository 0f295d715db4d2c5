import type { Command } from 'commander';
import { badInput } from './exit.ts';
import { printJson } from './print.ts';
import { withRunning } from './running.ts';
import { type SignOffOptions, orderAction, signedCommand } from './signed-order.ts';

type ShowOptions = { client?: string; site?: string; at?: string; emergency?: boolean; json?: boolean };

export function windowCommand(program: Command): void {
  const window = program.command('window').description("Shows a policy's windows, and opens one for a cycle.");
  showCommand(window);
  openCommand(window);
}

function showCommand(window: Command): void {
  window
    .command('show')
    .description("When a policy's window opens next and closes at each site, or why it does not.")
    .argument('<policy>', 'its name')
    .option('--client <id>', 'which client')
    .option('--site <name>', 'one site alone')
    .option('--at <instant>', 'as of then, like 2026-12-01T22:00:00Z, and not as of now')
    .option('--emergency', 'the window an emergency would have')
    .option('--json', 'as JSON')
    .action(async (policy: string, options: ShowOptions, command: Command) => {
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

function openCommand(window: Command): void {
  signedCommand(window, 'open', "Opens a window for a cycle now, besides its policy's.")
    .option('--minutes <number>', 'for how long', '60')
    .option('--site <name>', 'for one site alone')
    .action(
      orderAction<SignOffOptions & { minutes: string; site?: string }>(
        async ({ sendOrder }, running, cycleId, signOff, { site, ...options }) => {
          const minutes = Number(options.minutes);
          if (!(minutes > 0)) throw badInput(`--minutes ${options.minutes}: write a number of minutes.`);
          await sendOrder(running, cycleId, 'openWindow', { ...signOff, minutes, ...(site ? { site } : {}) });
          return `Opened a window of ${minutes} minutes in ${cycleId}.`;
        },
      ),
    );
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
