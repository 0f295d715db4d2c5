import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { nodeArgv } from '../../embedded/launch.ts';
import { portsOf, RangeKeeper, rangeOf } from '../../embedded/port-ranges.ts';
import { choosePort, claimPort, claimPorts, reclaimPort } from '../../embedded/ports.ts';

/** Another process of ours, until the test ends or it is ended. */
function anotherProcess() {
  const [program, ...args] = nodeArgv(new URL('claiming-process.ts', import.meta.url));
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (order: string): Promise<unknown> => {
    child.stdin.write(`${order}\n`);
    return JSON.parse((await lines.next()).value ?? '"it ended"');
  };
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  onTestFinished(kill);
  return {
    claim: async (count: number) => (await ask(`claim ${count}`)) as number[],
    reclaim: async (port: number) => (await ask(`reclaim ${port}`)) === true,
    kill,
  };
}

/** Listens on a port as a program that is not ours. */
async function listenAt(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A port in each of ten ranges: whoever else works on this machine may take one of them as soon as it is free, but not ten. */
async function claimInRanges({ claim }: Pick<ReturnType<typeof anotherProcess>, 'claim'>): Promise<readonly number[]> {
  const ports = await claim(10 * portsOf(0).length);
  return [...new Map(ports.map((port) => [rangeOf(port), port])).values()].slice(0, 10);
}

async function onesToBeHad(ports: readonly number[], reclaim: (port: number) => Promise<boolean>): Promise<number[]> {
  const had: number[] = [];
  for (const port of ports) if (await reclaim(port)) had.push(port);
  return had;
}

test('processes that claim ports at once are never given the same', async () => {
  const given = await Promise.all([
    ...Array.from({ length: 4 }, () => anotherProcess()).map(({ claim }) => claim(100)),
    claimPorts(100),
  ]);
  expect(new Set(given.flat()).size).toBe(500);
});

test('a port that nobody listens on yet is not given to another process until its own has ended, however that ends', async () => {
  const other = anotherProcess();
  const ports = await claimInRanges(other);
  expect(await onesToBeHad(ports, reclaimPort)).toEqual([]);
  await other.kill();
  const [taken = 0] = await onesToBeHad(ports, reclaimPort);
  expect(ports).toContain(taken);
  expect(await anotherProcess().reclaim(taken)).toBe(false);
});

test('a port whose range is kept is not given to another process when the one that claimed it has ended', async () => {
  const [first, second] = [anotherProcess(), anotherProcess()];
  const ports = await claimInRanges(first);
  const keeper = new RangeKeeper();
  await keeper.keep(ports);
  await first.kill();
  expect(await onesToBeHad(ports, second.reclaim)).toEqual([]);
  await keeper.keep([]);
  expect(await onesToBeHad(ports, second.reclaim)).not.toEqual([]);
});

test('a range that another process keeps is kept when that has ended', async () => {
  const other = anotherProcess();
  const [port = 0] = await other.claim(1);
  const [first, second] = [new RangeKeeper(), new RangeKeeper()];
  await first.keep([port]);
  await second.keep([port]);
  await other.kill();
  await first.keep([]);
  await expect.poll(async () => isKept(port), { timeout: 10_000 }).toBe(true);
});

/** Whether a listener has the second port of the range. */
async function isKept(port: number): Promise<boolean> {
  const server = createServer();
  server.listen((rangeOf(port) ?? 0) + 1, '127.0.0.1');
  try {
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return false;
  } catch {
    return true;
  }
}

test('a claimed port lies below those of outgoing connections', async () => {
  const port = await claimPort();
  expect(port).toBeGreaterThanOrEqual(20_000);
  expect(port).toBeLessThan(32_768);
});

test('a configured port that is taken is refused in a sentence, and never replaced', async () => {
  const port = await listenAt(0);
  const wish = { configured: port, remembered: undefined, usual: await claimPort(), server: 'PostgreSQL' };
  await expect(choosePort(wish)).rejects.toThrow(
    `PostgreSQL cannot listen on 127.0.0.1:${port}: another program does. Stop it`,
  );
});

test('a remembered port gives way to the usual one, and that to any, when they are taken', async () => {
  const [remembered, usual] = [await listenAt(0), await claimPort()];
  const wish = { configured: undefined, remembered, usual, server: 'PostgreSQL' };
  expect(await choosePort(wish)).toBe(usual);
  await listenAt(usual);
  const any = await choosePort(wish);
  expect([remembered, usual]).not.toContain(any);
});

test('whoever asks for any port is not given the usual one', async () => {
  const usual = await claimPort();
  expect(await choosePort({ configured: 'any', remembered: undefined, usual, server: 'PostgreSQL' })).not.toBe(usual);
});
