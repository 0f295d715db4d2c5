import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { until } from '../../../fleets/lab/until.ts';

/** Makes an address of a site answer at a socket file. Returns what ends it. */
export async function relayFromSite(
  socketPath: string,
  commandInSite: readonly string[],
  { host, port }: { readonly host: string; readonly port: number },
): Promise<() => Promise<void>> {
  const relay = ['socat', `UNIX-LISTEN:${socketPath},fork,unlink-early`, `TCP:${host}:${port}`];
  const [program = '', ...args] = [...commandInSite, ...relay];
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await until(`${host}:${port} answers at ${socketPath}`, () => existsSync(socketPath), 5000);
  return async () => {
    child.kill();
    await ended;
  };
}
