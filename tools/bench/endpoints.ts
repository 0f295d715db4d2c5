/**
 * What safety costs: one ring of four equal Debian endpoints of the lab, the same security updates, installed by bare
 * `apt-get` in all of them at once, and by a whole Patchcycle cycle (all ten steps, with snapshots, checks and proof;
 * without the sandbox and the soak).
 *
 *     npm run bench:endpoints                     five pairs of runs, after a pair that only warms the caches
 *     npm run bench:endpoints -- --runs 1 --only openssl,libssl3
 *
 * Both sides fetch the package lists and the packages themselves, from the site's cache. Before each run every endpoint
 * is restored to what it was when it had just enrolled, and booted; that is not timed. After each run the endpoints
 * must have exactly the same packages installed, whichever side it was. The last line is the ratio of the medians, a
 * cycle's time from its order to its close over that of apt-get; the line before it has the reboot that is due
 * afterwards, which a cycle does and apt-get does not, on both sides. Figures of different runs of this program do not
 * compare.
 *
 * It ends: a program that sits idle is ended by its name, a cycle that does not get on is given up, a run that failed
 * is made once more on endpoints that were set up again, and Ctrl-C or SIGTERM takes everything down.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { readOptions } from './options.ts';
import { onceMore, sentenceOf } from './repeat.ts';
import { takeDown } from './stage.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Until whoever was asked to end is killed. */
const endMilliseconds = 5000;

/** Runs the benchmark in a process of its own, and ends it when we are asked to end. */
async function runToItsEnd(): Promise<{ readonly succeeded: boolean; readonly interrupted: boolean }> {
  const run = fork(fileURLToPath(new URL('endpoints-run.ts', import.meta.url)), process.argv.slice(2));
  let interrupted = false;
  const onSignal = () => {
    if (!interrupted) console.error('Stopping everything that was started…');
    interrupted = true;
    run.kill('SIGTERM');
    setTimeout(() => run.kill('SIGKILL'), endMilliseconds).unref();
  };
  // They stay: a second Ctrl-C does not end the clearing up.
  for (const signal of signals) process.on(signal, onSignal);
  const [status] = (await once(run, 'exit')) as [number | null];
  return { succeeded: status === 0, interrupted };
}

/** Only when the benchmark's process is gone: nobody makes anything any more. */
async function clearUp(state: string): Promise<void> {
  const again = { say: console.error, startAgain: async () => undefined };
  await onceMore('Clearing up', () => takeDown(state), again);
}

const { state, keep } = readOptions();
try {
  await clearUp(state);
  const { succeeded, interrupted } = await runToItsEnd();
  if (!keep || interrupted) await clearUp(state);
  process.exit(interrupted ? 130 : Number(!succeeded));
} catch (error) {
  console.error(sentenceOf(error));
  process.exit(1);
}
