import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('../../cli/patchcycle.js', import.meta.url));

test('a command whose reader has gone ends without a word', async () => {
  const command = spawn(process.execPath, [program, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  command.stdout.destroy();
  const said: Buffer[] = [];
  command.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const [code] = (await once(command, 'close')) as [number];
  expect({ code, said: Buffer.concat(said).toString() }).toEqual({ code: 0, said: '' });
});
