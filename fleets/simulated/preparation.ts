/**
 * What a person does to prepare an endpoint, for the simulated ones:
 *
 *   preparation.ts addresses DIRECTORY             prints where each agent listens: `berlin-web-1=127.0.0.1:20001`
 *   preparation.ts configure DIRECTORY ENDPOINT    takes its agent's configuration from standard input
 */
import { text } from 'node:stream/consumers';
import { agentConfigurationSchema } from '../../protocol/enrolment.ts';
import { writeAgentConfiguration } from './client.ts';
import { readFleet } from './fleet-plan.ts';

await prepare(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

async function prepare([verb, directory, endpoint]: readonly string[]): Promise<void> {
  if (verb === 'addresses' && directory !== undefined) {
    for (const { name, address } of readFleet(directory).endpoints)
      console.log(`${name}=${address.host}:${address.port}`);
    return;
  }
  if (verb !== 'configure' || directory === undefined || endpoint === undefined)
    throw new Error(
      'Say what to do: preparation.ts addresses DIRECTORY, or preparation.ts configure DIRECTORY ENDPOINT.',
    );
  const configuration = agentConfigurationSchema.parse(JSON.parse(await text(process.stdin)));
  writeAgentConfiguration(directory, endpoint, configuration);
}
