/** A Temporal program that asks, at each of its starts, whether somebody takes one of its ports at this very moment. */
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** Between the choice of its ports and its start; anything else that it is asked for goes through. */
const wrapper = (program: string, entry: string, flag: string) => `#!${process.execPath}
const { spawn } = require('node:child_process');
const { connect } = require('node:net');
const args = process.argv.slice(2);
const start = () => {
  const child = spawn(${JSON.stringify(program)}, args, { stdio: 'inherit' });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code) => process.exit(code ?? 1));
};
if (args.includes('start-dev')) {
  const asked = connect(${JSON.stringify(entry)});
  asked.write(args[args.indexOf(${JSON.stringify(flag)}) + 1]);
  asked.once('data', () => { asked.destroy(); start(); });
} else start();
`;

/**
 * Takes the port of this flag from the first starts, and keeps it until the test ends.
 * @param robbedStarts of how many
 */
export async function robbedTemporal(
  folder: string,
  { program, flag, robbedStarts }: { readonly program: string; readonly flag: string; readonly robbedStarts: number },
): Promise<{ readonly program: string; readonly stolen: readonly number[] }> {
  const stolen: number[] = [];
  const thieves: Server[] = [];
  const entry = path.join(folder, 'entry.sock');
  const handler = createServer((asked) => {
    asked.once('data', (port) => {
      if (thieves.length >= robbedStarts) {
        asked.write('go');
        return;
      }
      const thief = createServer().listen(Number(port.toString()), '127.0.0.1', () => asked.write('go'));
      thieves.push(thief);
      stolen.push(Number(port.toString()));
    });
  }).listen(entry);
  await once(handler, 'listening');
  onTestFinished(() => {
    for (const server of [handler, ...thieves]) server.close();
  });
  const wrapped = path.join(folder, 'robbed-temporal.cjs');
  writeFileSync(wrapped, wrapper(program, entry, flag));
  chmodSync(wrapped, 0o755);
  return { program: wrapped, stolen };
}
