/** The whole of it on one machine: a fleet, one standard cycle over it, shown live, and what came of it. */
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import type { CycleFacts } from '../domain/reports/cycle-facts.ts';
import { labFleet } from '../fleets/lab/fleet.ts';
import { readClient } from '../operator/apply.ts';
import { policyFor } from '../operator/clients.ts';
import { type Running, withRunningIn } from '../operator/connect.ts';
import { startCycle } from '../operator/cycles.ts';
import { takeAway } from '../operator/down.ts';
import { embeddedServers, personAtKeyboard } from '../operator/environment.ts';
import { followCycle, openWindowNow, untilAborted } from '../operator/following.ts';
import { bringUp } from '../operator/up.ts';
import { reportNames } from '../reports/files.ts';
import { summaryInWords } from '../reports/summary.ts';
import { Exit } from './exit.ts';
import { chooseFleet } from './fleet-choice.ts';
import { type Screen, openScreen } from './screen.ts';

export type DemoOptions = { file: string; fleet?: string; keep?: boolean; json?: boolean };

const windowMinutes = 120;

export async function demo(options: DemoOptions, folders: { state: string; reports: string }): Promise<void> {
  const say = (line: string) => (options.json ? console.error(line) : console.log(line));
  const files = await readClient(options.file);
  const servers = embeddedServers();
  say(
    `Patchcycle demo: client ${files.client.name}, ${files.endpoints.length} endpoints at ${files.sites.map((site) => `${site.id} (${site.timeZone})`).join(' and ')}.`,
  );
  const fleet = await chooseFleet(options.fleet, folders.state, say);
  say(
    'It starts PostgreSQL, Temporal with its web UI and the workers, enrols the endpoints, switches one of them off,',
  );
  say(`runs one patch cycle over them and writes the client's report. Everything is kept in ${folders.state}.`);

  // The lab, whatever this demo's fleet is: an earlier one may have left it.
  const cleanUp = () => takeAway({ stateDirectory: folders.state, fleet: labFleet(folders.state) });
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
      servers,
      say,
      signal: interrupt.signal,
    });
    const off = files.endpoints.at(-1)?.name ?? '';
    await fleet.power(off, 'off');
    say(`${off} is switched off now, as a laptop in a bag would be.`);
    const { signal } = interrupt;
    outcome = await withRunningIn(folders.state, (running) =>
      untilAborted(running, signal, () => runCycle(running, { options, files, folders, off, say, signal })),
    );
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

  const { html, json } = reportNames(cycleId);
  const paths = [join(folders.reports, html), join(folders.reports, json)] as const;
  for (const line of summaryInWords(facts)) say(line);
  say(`Report: ${paths[0]}`);
  say(`        ${paths[1]}`);
  if (link) say(`Cycle in Temporal's UI${options.keep ? '' : ' (while it runs, with --keep)'}: ${link}`);
  const wrong = facts.endpoints.filter((endpoint) => !endedAsItShould(endpoint, off));
  if (options.json) console.log(JSON.stringify(inJson(facts, link, paths)));
  return { ended: facts.state === 'finished' && wrong.length === 0 };
}

/** Shows the cycle until its end; opens the window when the rollout waits for one, as its operator would. */
async function watch(
  running: Running,
  cycleId: string,
  { screen, signal }: { screen: Screen; signal: AbortSignal },
): Promise<CycleFacts> {
  let opened = false;
  const see = async (facts: CycleFacts) => {
    screen.show(facts);
    if (opened || facts.steps.find((one) => one.state === 'running')?.step !== 'rollout') return;
    opened = true;
    const word = { who: personAtKeyboard(), why: 'the demo runs now, whatever the time of day' };
    await openWindowNow(running, cycleId, { ...word, minutes: windowMinutes });
    screen.say(`${word.who} opens a window for ${windowMinutes} minutes: ${word.why}`);
  };
  return followCycle(running, cycleId, { see, signal });
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
