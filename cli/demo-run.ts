/** The whole of it on one machine: a fleet, one standard cycle over it, shown live, and what came of it. */
import { setMaxListeners } from 'node:events';
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { CycleFacts } from '../domain/cycle-facts.ts';
import { summaryInWords } from '../reports/summary.ts';
import { readClient } from '../workers/clients.ts';
import { embeddedServers } from '../workers/config.ts';
import { startCycle } from '../workers/cycles.ts';
import { removePostgresData } from '../workers/embedded/postgres.ts';
import { personAtKeyboard } from '../workers/environment.ts';
import { readFacts } from '../workers/facts.ts';
import { reportPaths } from '../workers/report-files.ts';
import { type Running, withRunningIn } from '../workers/running.ts';
import { bringUp } from '../workers/up.ts';
import { openWindow } from '../workflows/messages.ts';
import { policyFor } from './cycle.ts';
import { bringDown } from './down.ts';
import { Exit } from './exit.ts';
import { chooseFleet } from './fleet-choice.ts';
import { type Screen, openScreen } from './screen.ts';

export type DemoOptions = { file: string; fleet?: string; keep?: boolean; json?: boolean };

const pollMilliseconds = 500;
/** How often Temporal is asked whether the cycle lives: one that died will never say so itself. */
const aliveMilliseconds = 4000;
const windowMinutes = 120;

export async function demo(options: DemoOptions, folders: { state: string; reports: string }): Promise<void> {
  const say = (line: string) => (options.json ? console.error(line) : console.log(line));
  const files = await readClient(options.file);
  say(
    `Patchcycle demo: client ${files.client.name}, ${files.endpoints.length} endpoints at ${files.sites.map((site) => `${site.id} (${site.timeZone})`).join(' and ')}.`,
  );
  const fleet = await chooseFleet(options.fleet, folders.state, say);
  say(
    'It starts PostgreSQL, Temporal with its web UI and the workers, enrols the endpoints, switches one of them off,',
  );
  say(`runs one patch cycle over them and writes the client's report. Everything is kept in ${folders.state}.`);

  const cleanUp = async () => {
    await bringDown(folders.state);
    removePostgresData(folders.state);
    await rm(folders.state, { recursive: true, force: true });
  };
  await cleanUp();
  const interrupt = interruptible(say);
  let outcome: { ended: boolean };
  try {
    await bringUp({
      stateDirectory: folders.state,
      reportsDirectory: folders.reports,
      fleet,
      files,
      appliedBy: personAtKeyboard(),
      kevFiles: [],
      servers: embeddedServers(),
      say,
      signal: interrupt.signal,
    });
    const off = files.endpoints.at(-1)?.name ?? '';
    await fleet.power(off, 'off');
    say(`${off} is switched off now, as a laptop in a bag would be.`);
    outcome = await withRunningIn(folders.state, async (running) => {
      const temporal = await running.temporal();
      return temporal.withAbortSignal(interrupt.signal, () =>
        runCycle(running, { options, files, folders, off, say, signal: interrupt.signal }),
      );
    });
  } catch (error) {
    throw interrupt.signal.aborted ? new Exit('The demo was interrupted.', 130) : error;
  } finally {
    if (options.keep)
      say(
        `Everything is left running. Look around with: patchcycle --state ${folders.state} status; stop it with: patchcycle --state ${folders.state} down`,
      );
    else await cleanUp();
    interrupt.release();
  }
  if (!outcome.ended) throw new Exit('Not every endpoint ended as it should; the report says which and why.', 4);
}

/** Ctrl-C ends the demo at its next step; a second one ends it where it is. */
function interruptible(say: (line: string) => void): { readonly signal: AbortSignal; release: () => void } {
  const interrupt = new AbortController();
  const onSignal = () => {
    say('Stopping everything that was started…');
    interrupt.abort();
  };
  // Temporal's client never takes a call's listener off again: their number says nothing of a leak of ours.
  setMaxListeners(0, interrupt.signal);
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.once(name, onSignal);
  return {
    signal: interrupt.signal,
    release() {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}

type Demo = {
  readonly options: DemoOptions;
  readonly files: { readonly client: { readonly id: string } };
  readonly folders: { readonly reports: string };
  readonly off: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
};

async function runCycle(
  running: Running,
  { options, files, folders, off, say, signal }: Demo,
): Promise<{ ended: boolean }> {
  const clientId = files.client.id;
  const policyName = await policyFor(running, clientId, undefined);
  const { cycleId } = await startCycle(running, { clientId, policyName, startedBy: personAtKeyboard() });
  const link = running.linkTo(cycleId);
  say(`Cycle ${cycleId} is under way${link ? `; in Temporal's UI: ${link}` : ''}`);

  const screen = openScreen(options.json ? process.stderr : process.stdout);
  const facts = await watch(running, cycleId, { screen, signal }).finally(() => screen.close());

  const paths = reportPaths(folders.reports, cycleId);
  for (const line of summaryInWords(facts)) say(line);
  say(`Report: ${paths.html}`);
  say(`        ${paths.json}`);
  if (link) say(`Cycle in Temporal's UI${options.keep ? '' : ' (while it runs, with --keep)'}: ${link}`);
  const wrong = facts.endpoints.filter((endpoint) => !endedAsItShould(endpoint, off));
  if (options.json) console.log(JSON.stringify(inJson(facts, link, [paths.html, paths.json])));
  return { ended: facts.state === 'finished' && wrong.length === 0 };
}

/**
 * Follows the cycle to its end; opens the window when the rollout waits for one, as its operator would.
 * @throws Error when its workflow has ended and the cycle has not
 */
async function watch(
  running: Running,
  cycleId: string,
  { screen, signal }: { screen: Screen; signal: AbortSignal },
): Promise<CycleFacts> {
  const cycle = (await running.temporal()).workflow.getHandle(cycleId);
  const read = () => readFacts(running, cycleId).catch(() => null);
  let opened = false;
  for (let askAt = Date.now() + aliveMilliseconds; ;) {
    const facts = await read();
    if (facts) screen.show(facts);
    if (facts?.endedAt) return facts;
    const step = facts?.steps.find((one) => one.state === 'running')?.step;
    if (!opened && step === 'rollout') {
      opened = true;
      const word = { who: personAtKeyboard(), why: 'the demo runs now, whatever the time of day' };
      await cycle.executeUpdate(openWindow, { args: [{ ...word, minutes: windowMinutes }] });
      screen.say(`${word.who} opens a window for ${windowMinutes} minutes: ${word.why}`);
    }
    if (Date.now() > askAt) {
      askAt = Date.now() + aliveMilliseconds;
      const { status } = await cycle.describe();
      // Read again: the cycle may have been closed between the two.
      const last = status.name === 'RUNNING' ? null : await read();
      if (last?.endedAt) return last;
      if (status.name !== 'RUNNING')
        throw new Error(`Cycle ${cycleId} was never closed, and its workflow has ended: ${status.name.toLowerCase()}.`);
    }
    await delay(pollMilliseconds, undefined, { signal });
  }
}

function endedAsItShould(endpoint: CycleFacts['endpoints'][number], off: string): boolean {
  if (endpoint.endpoint === off) return endpoint.outcome === null && endpoint.waitingFor === 'offline';
  return endpoint.outcome === 'patched' || endpoint.outcome === 'unchanged';
}

function inJson(facts: CycleFacts, link: string | null, paths: readonly string[]) {
  return {
    cycleId: facts.cycleId,
    uiLink: link,
    reportPaths: paths,
    endpoints: facts.endpoints.map((endpoint) => ({
      name: endpoint.endpoint,
      outcome: endpoint.outcome,
      waitingFor: endpoint.waitingFor,
      reason: endpoint.because.join('; '),
      patches: endpoint.patches
        .filter((patch) => patch.decision === 'approved')
        .map(({ package: name, from, to }) => ({ package: name, from, to })),
    })),
  };
}
