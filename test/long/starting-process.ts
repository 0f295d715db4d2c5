/** One of the processes of the long test `server-starts`: starts and stops servers, three at a time, and says how each start went. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { findTemporalServer, type TemporalServer } from '../../embedded/temporal-server.ts';
import { launchUntilReady } from '../../embedded/launch.ts';
import { choosePort } from '../../embedded/ports.ts';
import { startThrowawayPostgres } from '../../embedded/postgres.ts';
import { onFreePorts, saysPortTaken } from '../../embedded/taken-port.ts';
import { startTemporal } from '../../embedded/temporal.ts';
import { type Kind, startsOfEach } from './server-starts.ts';

const lanes = 3;

/** Starts a server that keeps what it has in the folder, its log under `log/`; gives how it is stopped. */
type StartServer = (folder: string) => Promise<() => Promise<void>>;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
// Nobody listens any more.
process.stdout.on('error', () => stopping.abort());

const left = inTurns(startsOfEach);
const server = await findTemporalServer({
  configured: process.env['PATCHCYCLE_TEMPORAL_PROGRAM'],
  searchPath: process.env['PATH'] ?? '',
  cacheDirectory: path.join(homedir(), '.cache', 'patchcycle'),
});
const starters: Readonly<Record<Kind, { readonly log: string; readonly start: StartServer }>> = {
  PostgreSQL: { log: 'postgres.log', start: async (folder) => (await startThrowawayPostgres(folder)).stop },
  Temporal: { log: 'temporal.log', start: (folder) => temporal(folder, server) },
  'small server': { log: 'small.log', start: smallServer },
};
const ends = await Promise.allSettled(Array.from({ length: lanes }, runLane));
for (const end of ends) {
  if (end.status === 'fulfilled') continue;
  console.error(end.reason);
  process.exitCode = 1;
}

async function runLane(): Promise<void> {
  for (let kind = left.shift(); kind !== undefined && !stopping.signal.aborted; kind = left.shift()) {
    const folder = mkdtempSync(path.join(tmpdir(), 'pc-starts-'));
    chmodSync(folder, 0o711);
    try {
      const began = performance.now();
      const { log, start } = starters[kind];
      const stop = await start(path.join(folder, 'state'));
      const milliseconds = Math.round(performance.now() - began);
      const foundPortTaken = saysPortTaken({ file: path.join(folder, 'state', 'log', log), offset: 0 });
      console.log(JSON.stringify({ kind, milliseconds, foundPortTaken }));
      await stop();
    } catch (error) {
      // The other lanes stop what they have started, and start nothing more.
      stopping.abort();
      throw error;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

async function temporal(folder: string, program: TemporalServer): Promise<() => Promise<void>> {
  const wish = { port: 'any', uiPort: 'any', timers: 'rounded up', searchAttributes: {} } as const;
  return (await startTemporal({ stateDirectory: folder, server: program, ...wish })).stop;
}

/** A process that listens on a port that it is told, and on nothing else: cheap enough for the many. */
async function smallServer(folder: string): Promise<() => Promise<void>> {
  const name = 'small';
  const { stop } = await onFreePorts('The small server', async () => {
    const port = await choosePort({ configured: 'any', remembered: undefined, server: 'The small server' });
    const program = `require('node:http').createServer((_, answer) => answer.end()).listen(${port}, '127.0.0.1', () => console.log('listens'))`;
    return launchUntilReady(
      {
        name,
        role: 'server',
        argv: [process.execPath, '-e', program],
        environment: {},
        workingDirectory: '/',
        ports: [port],
        ready: { when: 'log says', text: 'listens' },
        stop: { signal: 'SIGTERM', withinSeconds: 10 },
      },
      path.join(folder, 'log', `${name}.log`),
    );
  });
  return stop;
}

/** The kinds mixed, so that all of them are started all the time. */
function inTurns(counts: Readonly<Record<Kind, number>>): Kind[] {
  return (Object.keys(counts) as Kind[])
    .flatMap((kind) => Array.from({ length: counts[kind] }, (_, index) => ({ kind, turn: (index + 1) / counts[kind] })))
    .toSorted((one, other) => one.turn - other.turn)
    .map(({ kind }) => kind);
}
