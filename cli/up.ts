import { resolve } from 'node:path';
import type { Command } from 'commander';
import { embeddedServers, personAtKeyboard } from '../operator/environment.ts';
import { stateDirectoryOf } from './running.ts';

type Options = { file: string; fleet?: string; kev: string[] };

export function upCommand(program: Command): void {
  program
    .command('up')
    .description(
      "Starts PostgreSQL, Temporal, the workers and a fleet, and applies a client's files. Goes on where it stopped.",
    )
    .option('-f, --file <dir>', "the client's files", 'examples/acme')
    .option('--fleet <kind>', 'lab or simulated; without it the lab where there can be one')
    .option('--kev <file...>', 'further files of known exploited vulnerabilities', [])
    .action(async (options: Options, command: Command) => {
      const { readClient } = await import('../operator/apply.ts');
      const { bringUp } = await import('../operator/up.ts');
      const { nodeSupport } = await import('../operator/node-support.ts');
      const { chooseFleet } = await import('./fleet-choice.ts');
      const stateDirectory = stateDirectoryOf(command);
      const say = (line: string) => console.log(line);
      const servers = embeddedServers();
      const node = await nodeSupport();
      if (node.state !== 'supported') say(node.because);
      const files = await readClient(options.file);
      const fleet = await chooseFleet(options.fleet, stateDirectory, say);
      const addresses = await bringUp({
        stateDirectory,
        fleet,
        files,
        appliedBy: personAtKeyboard(),
        kevFiles: options.kev.map((file) => resolve(file)),
        servers,
        say,
      });
      if (addresses.temporalUiUrl) say(`Look at it in Temporal's web UI: ${addresses.temporalUiUrl}`);
      say('Start a cycle with: patchcycle cycle start. Stop everything with: patchcycle down');
    });
}
