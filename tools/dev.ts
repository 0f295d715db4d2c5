/**
 * `npm run dev -- [FILES]`: a stack over the simulated fleet, with workers and agents that start again when a source of
 * theirs changes. Ctrl-C takes it down; what is on record is kept for the next time.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { digestFor } from '../programs/bundle.mjs';

const command = fileURLToPath(new URL('../cli/patchcycle.js', import.meta.url));
const lookAgainMilliseconds = 500;

/** Runs the product's own command, as it stands now: a bundle that is not older than its sources. */
async function patchcycle(...argv: readonly string[]): Promise<boolean> {
  // Out of this terminal's group: Ctrl-C is for us, and we end it in order.
  const child = spawn(process.execPath, [command, ...argv], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  return code === 0;
}

/** Waits until sources differ from these, and nobody has written for a moment. */
async function untilChanged(from: string, signal: AbortSignal): Promise<void> {
  for (let last = from; ;) {
    await delay(lookAgainMilliseconds, undefined, { signal });
    const now = digestFor('everything');
    if (now !== from && now === last) return;
    last = now;
  }
}

async function main(files = 'examples/acme'): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort());
  try {
    while (!interrupt.signal.aborted) {
      const digest = digestFor('everything');
      const isUp = await patchcycle('up', '--fleet', 'simulated', '--file', files);
      console.log(
        isUp ? 'Waiting for a source to change. Ctrl-C takes all down.' : 'Not up. Waiting for a source to change.',
      );
      await untilChanged(digest, interrupt.signal).catch(() => undefined);
    }
  } finally {
    await patchcycle('down');
  }
}

await main(process.argv[2]);
