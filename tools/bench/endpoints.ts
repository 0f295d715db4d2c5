/**
 * What safety costs: one ring of four equal Debian endpoints of the lab, the same security updates, installed by bare
 * `apt-get` in all of them at once, and by a whole Patchcycle cycle (all ten steps, with snapshots, checks and proof;
 * without the sandbox and the soak).
 *
 *     npm run bench:endpoints                     five pairs of runs, after a pair that only warms the caches
 *     npm run bench:endpoints -- --runs 1 --only openssl,libssl3
 *
 * Both sides fetch the package lists and the packages themselves, from the site's cache. Before each run every endpoint
 * is put back as it was when it had just enrolled, and booted; that is not timed. After each run the endpoints must have
 * exactly the same packages installed, whichever side it was. The last line is the ratio of the medians, a cycle's time
 * from its order to its close over that of apt-get; the line before it has the reboot that is due afterwards, which a
 * cycle does and apt-get does not, on both sides. Figures of different runs of this program do not compare.
 */
import { rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { readClientFiles } from '../../activities/adapters/policy-files/yaml.ts';
import { bringDown } from '../../cli/down.ts';
import { chooseFleet } from '../../cli/fleet-choice.ts';
import { embeddedServers } from '../../workers/config.ts';
import type { ClientFiles } from '../../domain/policy.ts';
import { removePostgresData } from '../../workers/embedded/postgres.ts';
import { type Running, withRunningIn } from '../../workers/running.ts';
import { bringUp } from '../../workers/up.ts';
import { type Pending, installBare, installedIn, pendingSecurity } from './bare-apt.ts';
import { reboot } from './boot.ts';
import { type FreshState, keepFreshState } from './fresh-state.ts';
import { type TimedCycle, runCycle } from './whole-cycle.ts';

type Options = { runs: number; only: readonly string[]; state: string; keep?: boolean };

const policyName = 'all-at-once';
const clientFolder = fileURLToPath(new URL('client', import.meta.url));
const say = (line: string) => console.log(line);

const program = new Command('bench:endpoints')
  .option('--runs <count>', 'pairs of runs that count', wholeNumber, 5)
  .option('--only <packages>', 'a few packages instead of all security updates, by commas', names, [])
  .option('--state <dir>', 'where everything is kept while it runs', '.patchcycle/bench')
  .option('--keep', 'leave everything running at the end, to look at');

async function bench(options: Options): Promise<void> {
  const state = resolve(options.state);
  const takeDown = async () => {
    await bringDown(state);
    removePostgresData(state);
    await rm(state, { recursive: true, force: true });
  };
  await takeDown();
  const onSignal = () => {
    console.error('Stopping everything that was started…');
    takeDown().then(() => process.exit(130), giveUp);
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    await compare(options, state);
  } finally {
    if (!options.keep) await takeDown();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

async function compare({ runs, only }: Options, state: string): Promise<void> {
  const files = await readClientFiles(clientFolder);
  await bringUp({
    stateDirectory: state,
    fleet: await chooseFleet('lab', state, say),
    files: only.length > 0 ? allowingOnly(files, only) : files,
    appliedBy: 'the benchmark',
    kevFiles: [],
    servers: embeddedServers(),
    say,
  });
  const lab = join(state, 'lab');
  const endpoints = files.endpoints.map(({ name }) => name);
  const fresh = await keepFreshState(lab, endpoints);
  await fresh.putBack();
  const offered = await pendingSecurity(lab, endpoints[0] ?? '');
  const pending = only.length > 0 ? offered.filter((each) => only.includes(each.package)) : offered;
  if (pending.length === 0) throw new Error('No security update is pending, so there is nothing to compare.');
  say(`${endpoints.length} endpoints, ${pending.length} updates on each: ${pending.map((p) => p.package).join(', ')}`);

  await withRunningIn(state, async (running) => {
    const pair = pairOf({ running, lab, endpoints, pending, fresh, clientId: files.client.id });
    say('warming the caches, not counted:');
    await pair();
    const pairs: Awaited<ReturnType<typeof pair>>[] = [];
    for (let run = 1; run <= runs; run += 1) {
      say(`run ${run} of ${runs}, load ${loadavg()[0]?.toFixed(1)}:`);
      pairs.push(await pair());
    }
    report(pairs);
  });
}

type Pair = { readonly bareSeconds: number; readonly rebootSeconds: number; readonly cycle: TimedCycle };

/** One run of each side, each from the fresh state, and both must come to the same. */
function pairOf(of: {
  readonly running: Running;
  readonly lab: string;
  readonly endpoints: readonly string[];
  readonly pending: readonly Pending[];
  readonly fresh: FreshState;
  readonly clientId: string;
}): () => Promise<Pair> {
  const { running, lab, endpoints, pending, fresh, clientId } = of;
  let expected: string | null = null;
  const mustBeEqual = async (side: string) => {
    for (const endpoint of endpoints) {
      const installed = await installedIn(lab, endpoint);
      expected ??= installed;
      if (installed !== expected) throw new Error(`${endpoint} has other packages after ${side} than it should have.`);
    }
  };
  return async () => {
    await fresh.putBack();
    const startedAt = performance.now();
    await installBare(lab, endpoints, pending);
    const bareSeconds = (performance.now() - startedAt) / 1000;
    await mustBeEqual('apt-get');
    const installedAt = performance.now();
    await reboot(lab, endpoints);
    const rebootSeconds = (performance.now() - installedAt) / 1000;
    say(`  apt-get     ${inSeconds(bareSeconds)}, and ${inSeconds(rebootSeconds)} for the reboot that is due then`);

    await fresh.putBack();
    const cycle = await runCycle(running, { clientId, policyName, endpoints: endpoints.length });
    say(`  patchcycle  ${inSeconds(cycle.seconds)}, rolled out after ${inSeconds(cycle.rolledOutSeconds)}`);
    say(`              ${cycle.steps.map(({ step, seconds }) => `${step} ${seconds.toFixed(1)}`).join(', ')}`);
    await mustBeEqual('the cycle');
    return { bareSeconds, rebootSeconds, cycle };
  };
}

function report(pairs: readonly Pair[]): void {
  const bare = median(pairs.map((pair) => pair.bareSeconds));
  const rebooted = median(pairs.map((pair) => pair.bareSeconds + pair.rebootSeconds));
  const rolledOut = median(pairs.map(({ cycle }) => cycle.rolledOutSeconds));
  const closed = median(pairs.map(({ cycle }) => cycle.seconds));
  say(`median apt-get     ${inSeconds(bare)}, ${inSeconds(rebooted)} with the reboot`);
  say(`median patchcycle  ${inSeconds(closed)}, from the order to the close of the cycle`);
  say(`                   ${inSeconds(rolledOut)} to the end of the rollout, ratio ${(rolledOut / bare).toFixed(2)}`);
  say(`ratio ${(closed / rebooted).toFixed(2)} to apt-get and the reboot that is due, which a cycle does`);
  say(`ratio ${(closed / bare).toFixed(2)}`);
}

/** The same policy, but it approves these packages and nothing else. */
function allowingOnly(files: ClientFiles, only: readonly string[]): ClientFiles {
  const owned = { because: 'the benchmark was asked for these', owner: 'the benchmark', until: '9999-12-31' };
  const allow = only.map((name) => ({ package: name, versions: null, ...owned }));
  return { ...files, policies: files.policies.map((policy) => ({ ...policy, approve: [], allow })) };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

function inSeconds(seconds: number): string {
  return `${seconds.toFixed(1)} s`;
}

function giveUp(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('Must be a whole number of at least 1.');
}

function names(text: string): readonly string[] {
  return text.split(',').filter(Boolean);
}

program.parse();
try {
  await bench(program.opts<Options>());
} catch (error) {
  giveUp(error);
}
