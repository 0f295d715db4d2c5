import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Connection } from '@temporalio/client';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { identifyProcess } from '../../embedded/process-identity.ts';
import {
  nodeArgv,
  type StackAddresses,
  stackStatus,
  startStack,
  stopStack,
  type WorkerPlan,
} from '../../embedded/supervisor.ts';
import { queryOn } from '../setup/database.ts';
import { temporaryFolder } from '../setup/folder.ts';

/** Whole stacks are started and stopped, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

/** A worker that says what it was given, and takes its time to die when it is told to. */
const workerProgram = `
console.log('ready with', process.env.DATABASE_URL ?? 'no database', process.env.GREETING);
process.on('SIGTERM', () => { console.log('asked to end'); process.exit(0); });
setInterval(() => undefined, 1000);
`;

type Workers = (addresses: StackAddresses) => readonly WorkerPlan[];

/** A stack in a folder of its own, stopped after the test whatever happened in it. */
function scene() {
  const folder = temporaryFolder();
  const stateDirectory = path.join(folder, '.patchcycle');
  onTestFinished(async () => void (await stopStack(stateDirectory)));
  const program = path.join(folder, 'worker.ts');
  writeFileSync(program, workerProgram);
  const worker = (name: string, environment: Readonly<Record<string, string>> = {}, sources = 'first'): WorkerPlan => ({
    name,
    argv: nodeArgv(pathToFileURL(program)),
    sources,
    environment,
    ready: { when: 'log says', text: 'ready with' },
    stopWithinSeconds: 5,
  });
  const said: string[] = [];
  const up = (workers: Workers = () => []) =>
    startStack({
      stateDirectory,
      postgres: { durable: false, port: 'any' },
      temporal: {
        program: inject('temporalProgram'),
        searchPath: '',
        cacheDirectory: folder,
        timers: 'to the millisecond',
        port: 'any',
        uiPort: 'any',
      },
      searchAttributes: { Colour: 'Keyword' },
      prepareDatabase: async (url) => {
        await queryOn(url, 'CREATE TABLE IF NOT EXISTS prepared (at TIMESTAMPTZ)');
        await queryOn(url, 'INSERT INTO prepared VALUES (now())');
        return ['prepared'];
      },
      workers,
      say: (sentence) => said.push(sentence),
    });
  const pids = () => new Map(stackStatus(stateDirectory).processes.map(({ name, pid }) => [name, pid]));
  const pidOf = (name: string) => pids().get(name) ?? Number.NaN;
  const log = (name: string) => readFileSync(path.join(stateDirectory, 'log', `${name}.log`), 'utf8');
  return { stateDirectory, worker, up, pids, pidOf, log, said };
}

const runs = (pid: number) => identifyProcess(pid) !== undefined;

test('up starts servers and workers as processes of their own, stop leaves none of them', async () => {
  const { stateDirectory, worker, up, pids, pidOf, log } = scene();
  const addresses = await up(({ databaseUrl }) => [
    worker('worker-control', { DATABASE_URL: databaseUrl, GREETING: 'hello' }),
    worker('worker-site', { GREETING: 'hi' }),
  ]);
  const status = stackStatus(stateDirectory);
  expect(status.state).toBe('up');
  expect(status.processes.map(({ name, state }) => `${name} ${state}`)).toEqual([
    'postgres ready',
    'temporal ready',
    'worker-control ready',
    'worker-site ready',
  ]);
  expect(log('worker-control')).toContain(`ready with ${addresses.databaseUrl} hello`);
  expect(log('worker-site')).toContain('ready with no database hi');
  expect(await queryOn(addresses.databaseUrl, 'SELECT count(*)::int AS times FROM prepared')).toEqual([{ times: 1 }]);
  const connection = await Connection.connect({ address: addresses.temporalAddress });
  const { config } = await connection.workflowService.describeNamespace({ namespace: addresses.temporalNamespace });
  const { customAttributes } = await connection.operatorService.listSearchAttributes({
    namespace: addresses.temporalNamespace,
  });
  await connection.close();
  expect(customAttributes).toHaveProperty('Colour');
  expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 60 * 60);
  const started = [...pids().values(), status.supervisorPid].map(Number);
  expect(new Set(started).size).toBe(5);
  expect(started.every(runs)).toBe(true);
  const temporalPid = pidOf('temporal');
  expect(readFileSync(`/proc/${temporalPid}/cmdline`, 'utf8')).toContain('start-dev');

  expect(await stopStack(stateDirectory)).toEqual(['postgres', 'temporal', 'worker-control', 'worker-site']);
  expect(started.filter(runs)).toEqual([]);
  expect(log('worker-control')).toContain('asked to end');
  expect(stackStatus(stateDirectory)).toEqual({ state: 'down', supervisorPid: null, processes: [] });
  expect(await stopStack(stateDirectory)).toEqual([]);
});

test('a process that is killed is started again, and the count of that is kept', async () => {
  const { stateDirectory, worker, up, pidOf } = scene();
  const { databaseUrl } = await up(() => [worker('worker-control')]);
  for (const name of ['worker-control', 'postgres', 'temporal']) {
    const killed = pidOf(name);
    process.kill(killed, 'SIGKILL');
    const find = () => stackStatus(stateDirectory).processes.find((process) => process.name === name);
    const isBack = () => {
      const now = find();
      return now?.state === 'ready' && now.pid !== killed;
    };
    await expect.poll(isBack, { timeout: 20_000 }).toBe(true);
    expect(find()).toMatchObject({ lastEnd: 'was killed by SIGKILL' });
    expect(find()?.restarts).toBeGreaterThanOrEqual(1);
  }
  expect(await queryOn(databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('after the supervisor was killed the next start stops what it left and goes on with the same data', async () => {
  const { stateDirectory, worker, up, pids, said } = scene();
  const first = await up(() => [worker('worker-control')]);
  await queryOn(first.databaseUrl, "CREATE TABLE note AS SELECT 'kept' AS text");
  const left = [...pids().values()].map(Number);
  const supervisorPid = Number(stackStatus(stateDirectory).supervisorPid);
  process.kill(supervisorPid, 'SIGKILL');
  await expect.poll(() => stackStatus(stateDirectory).state).toBe('unsupervised');
  expect(left.every(runs)).toBe(true);

  const second = await up(() => [worker('worker-control')]);
  expect(said).toContain('Stopped postgres, which an earlier supervisor had left.');
  expect(left.filter(runs)).toEqual([]);
  expect(second).toEqual(first);
  expect(await queryOn(second.databaseUrl, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
  expect(stackStatus(stateDirectory).state).toBe('up');
});

test('stop works after the supervisor was killed', async () => {
  const { stateDirectory, up, pids } = scene();
  await up();
  const left = [...pids().values()].map(Number);
  process.kill(Number(stackStatus(stateDirectory).supervisorPid), 'SIGKILL');
  expect(await stopStack(stateDirectory)).toEqual(['postgres', 'temporal']);
  expect(left.filter(runs)).toEqual([]);
});

test('a pid that belongs to another process by now is not touched', async () => {
  const { stateDirectory } = scene();
  mkdirSync(stateDirectory);
  const someone = { pid: process.pid, startTime: 'of one that died long ago' };
  writeFileSync(
    path.join(stateDirectory, 'processes.json'),
    JSON.stringify({
      supervisor: someone,
      startedAt: '2026-01-01T00:00:00Z',
      planDigest: '',
      processes: [
        {
          name: 'postgres',
          role: 'server',
          state: 'ready',
          identity: someone,
          restarts: 0,
          log: '/dev/null',
          stop: { signal: 'SIGTERM', withinSeconds: 1 },
        },
      ],
    }),
  );
  expect(stackStatus(stateDirectory).state).toBe('down');
  expect(await stopStack(stateDirectory)).toEqual([]);
});

test('a second up on a running stack leaves the servers alone and changes the workers', async () => {
  const { stateDirectory, worker, up, pidOf, pids } = scene();
  await up(() => [worker('worker-a'), worker('worker-b'), worker('worker-c')]);
  const before = pids();
  await up(() => [worker('worker-a'), worker('worker-b', { GREETING: 'changed' }), worker('worker-d')]);
  for (const name of ['postgres', 'temporal', 'worker-a']) expect(pidOf(name)).toBe(before.get(name));
  expect(pidOf('worker-b')).not.toBe(before.get('worker-b'));
  expect([...pids().keys()]).toEqual(['postgres', 'temporal', 'worker-a', 'worker-b', 'worker-d']);
  expect(runs(Number(before.get('worker-c')))).toBe(false);
  expect(stackStatus(stateDirectory).processes.every(({ state }) => state === 'ready')).toBe(true);
});

test('up on a running stack brings its database up to date, and starts those workers again whose sources have changed', async () => {
  const { worker, up, pidOf, pids } = scene();
  const { databaseUrl } = await up(() => [worker('worker-a'), worker('worker-b')]);
  const before = pids();
  await up(() => [worker('worker-a'), worker('worker-b', {}, 'changed')]);
  for (const name of ['postgres', 'temporal', 'worker-a']) expect(pidOf(name)).toBe(before.get(name));
  expect(pidOf('worker-b')).not.toBe(before.get('worker-b'));
  expect(await queryOn(databaseUrl, 'SELECT count(*)::int AS times FROM prepared')).toEqual([{ times: 2 }]);
});

test('a worker that does not start is named with the end of its log, and nothing is left running', async () => {
  const { stateDirectory, worker, up } = scene();
  const broken: WorkerPlan = {
    ...worker('worker-broken'),
    argv: [process.execPath, '-e', 'console.error("no such site"); process.exit(3)'],
  };
  await expect(up(() => [broken])).rejects.toThrow(
    /^worker-broken does not start \(it exited with 3\)\. Its log .*worker-broken\.log ends:[^]*no such site/,
  );
  expect(stackStatus(stateDirectory).state).toBe('down');
});

test('a supervisor whose state directory is removed ends what it started', async () => {
  const { stateDirectory, up, pids } = scene();
  await up();
  const started = [...pids().values()].map(Number);
  rmSync(path.join(stateDirectory, 'processes.json'));
  await expect.poll(() => started.filter(runs), { timeout: 10_000 }).toEqual([]);
});
