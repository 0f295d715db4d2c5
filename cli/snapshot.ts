import type { Command } from 'commander';
import type { KeptSnapshot } from '../operator/snapshots.ts';
import { printJson, printTable } from './print.ts';
import { withRunning } from './running.ts';

export function snapshotCommand(program: Command): void {
  const snapshot = program.command('snapshot').description("Shows a client's snapshots.");
  snapshot
    .command('list')
    .description("A client's snapshots: until when each is kept and why; and what exists that is on no record.")
    .option('--client <id>', 'which client')
    .option('--json', 'as JSON')
    .action(async (options: { client?: string; json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const { clientIdFor } = await import('../operator/clients.ts');
        const clientId = await clientIdFor(running, options.client);
        const { readSnapshots } = await import('../operator/snapshots.ts');
        const { snapshots, leaks } = await readSnapshots(running, clientId);
        if (options.json) return printJson({ client: clientId, snapshots, leaks });
        if (snapshots.length === 0) console.log(`Client ${clientId} has no snapshots.`);
        printTable(
          ['endpoint', 'snapshot', 'taken', 'kept', 'because'],
          snapshots.map((one) => [
            one.endpoint,
            one.snapshotId,
            one.takenAt ?? 'nobody knows',
            keptInWords(one),
            one.because.join('; '),
          ]),
        );
        if (leaks.length > 0) console.log(`${leaks.length} on no record; look at them, and remove what is not needed:`);
        printTable(
          ['found', 'what', 'name', 'at', 'because'],
          leaks.map((leak) => [leak.foundAt, leak.kind, leak.name, leak.endpoint ?? leak.site, leak.because]),
        );
      });
    });
}

function keptInWords({ keep, untilAt, missingSinceAt }: KeptSnapshot): string {
  if (missingSinceAt !== null) return `gone since ${missingSinceAt}`;
  if (!keep) return 'until the next clean-up';
  return untilAt === null ? 'without an end' : `until ${untilAt}`;
}
