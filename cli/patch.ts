import type { Command } from 'commander';
import { personAtKeyboard } from '../operator/environment.ts';
import { badInput } from './exit.ts';
import { printJson, printTable } from './print.ts';
import { withRunning } from './running.ts';

type SignOffOptions = { why: string; who: string };

export function patchCommand(program: Command): void {
  const patch = program
    .command('patch')
    .description('Patches that failed, over all clients, and those that are stopped for everyone.');

  patch
    .command('list')
    .description('What has failed on any endpoint; stopped patches first. It names clients: for the provider alone.')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const { badPatches } = await import('../operator/patches.ts');
        const patches = await badPatches(running);
        if (options.json) return printJson({ patches });
        if (patches.length === 0) console.log('No patch has failed on any endpoint.');
        printTable(
          ['patch', 'version', 'arch', 'state', 'failed on', 'because'],
          patches.map((one) => [
            one.package,
            one.version,
            one.architecture,
            one.inForce ? `stopped ${one.stoppedAt}` : one.releasedAt ? `released ${one.releasedAt}` : 'not stopped',
            one.failures.map((failure) => failure.endpointId).join(', '),
            one.inForce ? one.because.join('; ') : one.releasedBy ? `${one.releasedBy}: ${one.releaseReason}` : '',
          ]),
        );
      });
    });

  patch
    .command('release')
    .description('Lets a patch be installed again; what failed with it before counts no more.')
    .argument('<package>', 'its name')
    .argument('<version>', 'its version')
    .requiredOption('--why <reason>', 'why; it is recorded')
    .option('--who <name>', 'who gives the order', personAtKeyboard())
    .action(async (name: string, version: string, { who, why }: SignOffOptions, command: Command) => {
      if (!who.trim() || !why.trim()) throw badInput('Say who gives the order, and why.');
      await withRunning(command, async (running) => {
        const { releaseBadPatch } = await import('../operator/patches.ts');
        console.log(await releaseBadPatch(running, { package: name, version }, { who, why }));
      });
    });
}
