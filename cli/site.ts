import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { authorityFolder } from './authority.ts';
import { printJson } from './print.ts';

type Options = { output: string; enrolment: string; authority?: string; json?: boolean };

export function siteCommand(program: Command): void {
  const site = program.command('site').description("Prepares a client's site for its worker.");
  site
    .command('identity')
    .description("Writes the keys and certificates of a site's worker. Again it makes new ones of the same authority.")
    .argument('<site>', 'its name and its client: berlin.acme')
    .requiredOption('-o, --output <dir>', 'where to')
    .requiredOption('--enrolment <host>', "the worker's name or address on the site's network, as endpoints call it")
    .option('--authority <dir>', 'the folder of the certificate authority; without it PATCHCYCLE_AUTHORITY')
    .option('--json', 'as JSON')
    .action(async (siteId: string, options: Options) => {
      const { makeSiteIdentity } = await import('../operator/enrolment.ts');
      const directory = resolve(options.output);
      const authority = authorityFolder(options.authority);
      const made = await makeSiteIdentity(authority, directory, { siteId, host: options.enrolment });
      if (options.json) return printJson({ site: siteId, directory, ...made });
      if (made.madeAuthority)
        console.log(
          `Made a new certificate authority in ${authority}. Anyone who has its key can give orders to every endpoint.`,
        );
      console.log(`The identity of ${siteId}, good until ${made.endsAt.slice(0, 10)}:`);
      for (const file of made.files) console.log(`  ${join(directory, file)}`);
      console.log("Bring the folder to the site's worker, for its user alone, and set there, besides TEMPORAL_ADDRESS");
      console.log('and PATCHCYCLE_FLEET:');
      console.log(`  PATCHCYCLE_SITE=${siteId}`);
      console.log(`  PATCHCYCLE_IDENTITY=${directory}`);
      console.log(`  PATCHCYCLE_ENROLMENT=${made.enrolment.host}:${made.enrolment.port}`);
      console.log(`Its endpoints enrol at ${made.enrolment.url}`);
    });
}
