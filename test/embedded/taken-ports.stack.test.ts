/** What becomes of a server whose port another program takes between its choice and its start. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { launchUntilReady } from '../../embedded/launch.ts';
import { claimPort } from '../../embedded/ports.ts';
import { startPostgres } from '../../embedded/postgres.ts';
import { stackStatus, startStack, stopStack } from '../../embedded/supervisor.ts';
import { planTemporal, startTemporal } from '../../embedded/temporal.ts';
import { temporaryFolder } from '../setup/folder.ts';
import { until } from '../setup/until.ts';
import { robbedTemporal } from './robbed-temporal.ts';

/** Whole stacks are started and stopped, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const portOf = (address: string) => Number(new URL(`http://${address}`).port);
const any = { port: 'any', uiPort: 'any', timers: 'to the millisecond', searchAttributes: {} } as const;

/** Starts a Temporal that is robbed of the port of a flag, and says which were taken from it. */
async function startRobbed(flag: string, robbedStarts: number, ports: { port?: number; uiPort?: number } = {}) {
  const folder = temporaryFolder();
  const { program, stolen } = await robbedTemporal(folder, { program: inject('temporalProgram'), flag, robbedStarts });
  const server = { program, version: 'any', foundBy: 'the test' };
  const start = async () => {
    const temporal = await startTemporal({ stateDirectory: folder, server, ...any, ...ports });
    onTestFinished(() => temporal.stop());
    return temporal;
  };
  return { start, stolen };
}

test.each(['--port', '--ui-port', '--http-port', '--metrics-port'])(
  'Temporal comes up on another port when that of %s is taken at its start',
  async (flag) => {
    const { start, stolen } = await startRobbed(flag, 1);
    const { address, uiUrl } = await start();
    expect(stolen).toHaveLength(1);
    expect((await fetch(uiUrl)).status).toBe(200);
    expect(stolen).not.toContain(portOf(address));
    expect(stolen).not.toContain(Number(new URL(uiUrl).port));
  },
);

test('a server that is robbed of its port four times ends in one sentence', async () => {
  const { start, stolen } = await startRobbed('--port', 4);
  await expect(start()).rejects.toThrow(
    /^Temporal was started 4 times, and each time another program took one of its ports at that moment\. Find out .* start it again\.$/,
  );
  expect(new Set(stolen).size).toBe(4);
});

test('a configured port that is taken at the start is not replaced, and named in one sentence at once', async () => {
  const uiPort = await claimPort();
  const { start, stolen } = await startRobbed('--ui-port', 4, { uiPort });
  await expect(start()).rejects.toThrow(
    `Temporal's web UI cannot listen on 127.0.0.1:${uiPort}: another program does. Stop it`,
  );
  expect(stolen).toEqual([uiPort]);
});

test('PostgreSQL comes up on another port when its own is taken at its start', async () => {
  const stateDirectory = path.join(temporaryFolder(), 'state');
  const starting = startPostgres({ stateDirectory, durable: false, port: 'any' });
  // It has chosen its port before it makes its data folder, which takes it far longer than a look.
  const memory = path.join(stateDirectory, 'postgres', 'memory.json');
  await until('it has chosen its port', () => existsSync(memory));
  const { port: stolen } = JSON.parse(readFileSync(memory, 'utf8')) as { port: number };
  const thief = createServer().listen(stolen, '127.0.0.1');
  onTestFinished(() => void thief.close());
  await once(thief, 'listening');
  const postgres = await starting;
  onTestFinished(() => postgres.stop());
  expect(Number(new URL(postgres.url).port)).not.toBe(stolen);
});

test('a whole stack comes up on another port when one is taken at its start', async () => {
  const folder = temporaryFolder();
  const stateDirectory = path.join(folder, '.patchcycle');
  const wanted = { program: inject('temporalProgram'), flag: '--port', robbedStarts: 1 };
  const { program, stolen } = await robbedTemporal(folder, wanted);
  onTestFinished(async () => void (await stopStack(stateDirectory)));
  const { temporalAddress } = await startStack({
    stateDirectory,
    postgres: { durable: false, port: 'any' },
    temporal: { program, searchPath: '', cacheDirectory: folder, ...any },
    searchAttributes: {},
    prepareDatabase: async () => [],
    workers: () => [],
    say: () => undefined,
  });
  expect(stolen).toHaveLength(1);
  expect(stolen).not.toContain(portOf(temporalAddress));
  expect(stackStatus(stateDirectory).processes.map(({ name, state }) => `${name} ${state}`)).toEqual([
    'postgres ready',
    'temporal ready',
  ]);
});

test('another Temporal that answers at the port is not taken for the one that was started', async () => {
  const folder = temporaryFolder();
  const server = { program: inject('temporalProgram'), version: 'any', foundBy: 'the test' };
  const { plan } = await planTemporal({ stateDirectory: folder, server, ...any });
  const argv: [string, ...string[]] = [process.execPath, '-e', 'setInterval(() => undefined, 1000)'];
  const elsewhere = { address: inject('temporalAddress'), namespace: inject('temporalNamespace') };
  const ready = { when: 'temporal answers' as const, ...elsewhere, searchAttributes: [] };
  await expect(launchUntilReady({ ...plan, argv, ready }, path.join(folder, 'log'), 3)).rejects.toThrow(
    'temporal was not ready within 3 seconds',
  );
});
