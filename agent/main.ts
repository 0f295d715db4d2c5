/**
 * The agent's program.
 *
 *   patchcycle-agent [CONFIGURATION]   serves; the configuration is /etc/patchcycle/agent.json unless it is named
 *   patchcycle-agent run FOLDER        carries out a run, inside its unit (agent/debian/apt/runs.ts)
 *   patchcycle-agent look FOLDER       asked by apt in a run, before dpkg is started (agent/debian/apt/last-look.ts)
 *   patchcycle-agent record FOLDER     writes down how the run ended
 */
import { startAgent } from './agent.ts';
import { readConfiguration, usualConfigurationPath } from './configuration.ts';
import { lookBeforeInstall } from './debian/apt/last-look.ts';
import { carryOutRun, recordResult } from './debian/apt/run-program.ts';
import { debianMachine } from './debian/machine.ts';
import { ownProgram } from './own-program.ts';

/** Standard output goes to the journal, which adds the time. */
const log = (line: string) => console.log(line);

async function serve(configurationPath: string): Promise<void> {
  const { listen, stateDirectory, caller, enrolment } = await readConfiguration(configurationPath);
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  const machine = debianMachine(stateDirectory, ownProgram());
  const agent = await startAgent({
    machine,
    stateDirectory,
    listen,
    caller,
    log,
    signal: stopping.signal,
    ...(enrolment && { enrolment }),
  });
  log(`The agent of ${agent.endpointId} listens on ${agent.address.host}:${agent.address.port}.`);
  await new Promise<void>((resolve) => {
    if (stopping.signal.aborted) return resolve();
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await agent.stop();
  process.exit(0);
}

async function main([verb, folder]: readonly string[]): Promise<void> {
  // What apt-get writes is for everybody to read; the agent's own files say their mode themselves.
  process.umask(0o022);
  if (verb === 'run' && folder !== undefined) process.exit(await carryOutRun(folder));
  if (verb === 'look' && folder !== undefined) process.exit(await lookBeforeInstall(folder));
  if (verb === 'record' && folder !== undefined) return recordResult(folder, process.env);
  await serve(verb ?? usualConfigurationPath);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  log(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
