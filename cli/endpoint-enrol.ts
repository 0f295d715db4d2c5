import type { Command } from 'commander';
import { authorityFolder } from './authority.ts';
import { withRunning } from './running.ts';

type Options = { client?: string; address: string; enrolmentUrl: string; authority?: string; rebuilt?: boolean };

/** `patchcycle endpoint enrol`. Standard output is the agent's configuration and nothing else. */
export function enrolCommand(endpoint: Command): void {
  endpoint
    .command('enrol')
    .description("Prints the configuration with which an endpoint's agent enrols, once and within an hour.")
    .argument('<endpoint>', "its name, as the client's files have it")
    .requiredOption('--address <host[:port]>', 'where its agent will listen')
    .requiredOption('--enrolment-url <url>', "the site's worker: https://10.0.0.2:7444")
    .option('--client <id>', 'which client')
    .option('--authority <dir>', 'the folder of the certificate authority; without it PATCHCYCLE_AUTHORITY')
    .option('--rebuilt', 'its machine was built again since it enrolled: its restores are counted from the start')
    .action(async (name: string, options: Options, command: Command) => {
      const { enrolByHand, readAuthorityCertificate } = await import('../operator/enrolment.ts');
      const authority = await readAuthorityCertificate(authorityFolder(options.authority));
      await withRunning(command, async (running) => {
        const { clientIdFor } = await import('../operator/clients.ts');
        const clientId = await clientIdFor(running, options.client);
        const { address, enrolmentUrl: url, rebuilt = false } = options;
        const wish = { clientId, name, address, url, rebuilt: rebuilt, authority };
        const { configuration, expiresAt } = await enrolByHand(running, wish);
        console.log(JSON.stringify(configuration, null, 2));
        console.error(
          `Put this on ${name} as /etc/patchcycle/agent.json, readable by root alone, and start its agent.`,
        );
        console.error(`The token in it works once, until ${expiresAt}.`);
      });
    });
}
