import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { claimPort } from '../../embedded/ports.ts';
import { planPostgres, removePostgresData, type RunningPostgres, startPostgres } from '../../embedded/postgres.ts';
import { isRunning } from '../../embedded/process-identity.ts';
import { queryOn } from '../setup/database.ts';
import { temporaryFolder } from '../setup/folder.ts';

async function start(stateDirectory: string, durable = false): Promise<RunningPostgres> {
  const postgres = await startPostgres({ stateDirectory, durable, port: 'any' });
  onTestFinished(() => postgres.stop());
  return postgres;
}

/** Whether the kernel still knows a process of that id. */
function isKnown(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('what was written is there after a stop and a second start', async () => {
  const stateDirectory = path.join(temporaryFolder(), 'state');
  const first = await start(stateDirectory);
  await queryOn(first.url, "CREATE TABLE note AS SELECT 'kept' AS text");
  await first.stop();
  expect(isRunning(first.identity)).toBe(false);
  const second = await start(stateDirectory);
  expect(await queryOn(second.url, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
});

test('what was committed survives that the server is killed', async () => {
  const stateDirectory = path.join(temporaryFolder(), 'state');
  const first = await start(stateDirectory, true);
  await queryOn(first.url, "CREATE TABLE note AS SELECT 'kept' AS text");
  process.kill(first.identity.pid, 'SIGKILL');
  // PostgreSQL takes one that has ended and was not waited for yet for a running one.
  await expect.poll(() => isKnown(first.identity.pid)).toBe(false);
  const second = await start(stateDirectory);
  expect(await queryOn(second.url, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
});

test('nobody gets in without the password, which only its owner can read', async () => {
  const stateDirectory = path.join(temporaryFolder(), 'state');
  const { url } = await start(stateDirectory);
  const wrong = new URL(url);
  wrong.password = 'wrong';
  await expect(queryOn(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
  const memory = path.join(stateDirectory, 'postgres', 'memory.json');
  expect(readFileSync(memory, 'utf8')).toContain(new URL(url).password);
  expect(statSync(memory).mode & 0o777).toBe(0o600);
});

test('a second start uses the port of the first, and fsync is on for what must last', async () => {
  const stateDirectory = path.join(temporaryFolder(), 'state');
  const port = await claimPort();
  await planPostgres({ stateDirectory, durable: true, port });
  const { plan, url } = await planPostgres({ stateDirectory, durable: true });
  expect(new URL(url).port).toBe(String(port));
  expect(plan.argv.join(' ')).not.toContain('fsync=off');
});

test('a busy port that was asked for is named in a sentence', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void other.close());
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const stateDirectory = path.join(temporaryFolder(), 'state');
  await expect(startPostgres({ stateDirectory, durable: false, port })).rejects.toThrow(
    `PostgreSQL cannot listen on 127.0.0.1:${port}: another program does.`,
  );
});

test('data whose password is gone is put aside, never deleted', async () => {
  const stateDirectory = path.join(temporaryFolder(), 'state');
  await planPostgres({ stateDirectory, durable: false });
  rmSync(path.join(stateDirectory, 'postgres', 'memory.json'));
  const { dataDirectory } = await planPostgres({ stateDirectory, durable: false });
  expect(existsSync(path.join(`${dataDirectory}.without-password`, 'PG_VERSION'))).toBe(true);
  expect(existsSync(path.join(dataDirectory, 'PG_VERSION'))).toBe(true);
});

test.runIf(process.getuid?.() === 0)('under a closed home the data lies where its own user can reach it', async () => {
  const home = mkdtempSync(path.join(tmpdir(), 'patchcycle-closed-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  chmodSync(home, 0o700);
  const postgres = await start(path.join(home, 'state'));
  onTestFinished(() => removePostgresData(path.join(home, 'state')));
  expect(postgres.dataDirectory.startsWith(home)).toBe(false);
  expect(await queryOn(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await postgres.stop();
  removePostgresData(path.join(home, 'state'));
  expect(existsSync(path.dirname(postgres.dataDirectory))).toBe(false);
});

test.runIf(process.getuid?.() === 0)('as root it runs as another user', async () => {
  const { identity } = await start(path.join(temporaryFolder(), 'state'));
  const status = readFileSync(`/proc/${identity.pid}/status`, 'utf8');
  expect(/^Uid:\s+65534\s+65534/m.test(status)).toBe(true);
});

test('an initialisation that was cut short is begun again', async () => {
  const stateDirectory = path.join(temporaryFolder(), 'state');
  mkdirSync(path.join(stateDirectory, 'postgres', 'data.unfinished', 'half'), { recursive: true });
  const { dataDirectory } = await planPostgres({ stateDirectory, durable: false });
  expect(existsSync(path.join(dataDirectory, 'half'))).toBe(false);
  expect(existsSync(`${dataDirectory}.unfinished`)).toBe(false);
  expect(existsSync(path.join(dataDirectory, 'PG_VERSION'))).toBe(true);
});
