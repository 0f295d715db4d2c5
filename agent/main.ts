/**
 * The agent's program.
 *
 *   patchcycle-agent [CONFIGURATION]   serves; the configuration is /etc/patchcycle/agent.json unless it is named
 *   patchcycle-agent run FOLDER        carries out a run, inside its unit (agent/debian/apt/runs.ts)
 *   patchcycle-agent record FOLDER     writes down how the run ended
 */
import { isSea } from 'node:sea';
import { startAgent } from './agent.ts';
import { readConfiguration, usualConfigurationPath } from './configuration.ts';
import { carryOutRun, recordResult } from './debian/apt/run-program.ts';
import { debianMachine } from './debian/machine.ts';

/** Standard output goes to the journal, which adds the time. */
const log = (line: string) => console.log(line);

/** How this program is started again: alone when it is one file, else Node with the script. */
function ownProgram(): readonly string[] {
  return isSea() ? [process.execPath] : [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
}

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
  if (verb === 'record' && folder !== undefined) return recordResult(folder, process.env);
  await serve(verb ?? usualConfigurationPath);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  log(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
