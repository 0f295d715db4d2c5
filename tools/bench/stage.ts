/** What both sides run on: endpoints of the lab that can be restored, with servers and workers over them. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readClientFiles } from '../../activities/adapters/policy-files/yaml.ts';
import { chooseFleet } from '../../cli/fleet-choice.ts';
import type { ClientFiles } from '../../domain/policies/policy.ts';
import { labFleet } from '../../fleets/lab/fleet.ts';
import { takeAway } from '../../operator/down.ts';
import { embeddedServers } from '../../operator/environment.ts';
import { bringUp } from '../../operator/up.ts';
import { type Pending, pendingSecurity } from './bare-apt.ts';
import { type FreshState, keepFreshState } from './fresh-state.ts';
import type { Options } from './options.ts';

export type Stage = {
  readonly state: string;
  /** The lab's directory. */
  readonly lab: string;
  readonly clientId: string;
  readonly endpoints: readonly string[];
  readonly pending: readonly Pending[];
  readonly fresh: FreshState;
};

const clientFolder = fileURLToPath(new URL('client', import.meta.url));

/** Brings everything up, and returns when every endpoint has enrolled and its fresh state is kept. */
export async function setUp({ state, only }: Options, say: (line: string) => void): Promise<Stage> {
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
  await fresh.restore();
  const offered = await pendingSecurity(lab, endpoints[0] ?? '');
  const pending = only.length > 0 ? offered.filter((each) => only.includes(each.package)) : offered;
  if (pending.length === 0) throw new Error('No security update is pending, so there is nothing to compare.');
  say(`${endpoints.length} endpoints, ${pending.length} updates on each: ${pending.map((p) => p.package).join(', ')}`);
  return { state, lab, clientId: files.client.id, endpoints, pending, fresh };
}

/** Ends and removes everything that a benchmark made there, wherever it was. Harmless when there is nothing. */
export async function takeDown(state: string): Promise<void> {
  await takeAway({ stateDirectory: state, fleet: labFleet(state) });
}

/** The same policy, but it approves these packages and nothing else. */
function allowingOnly(files: ClientFiles, only: readonly string[]): ClientFiles {
  const owned = { because: 'the benchmark was asked for these', owner: 'the benchmark', until: '9999-12-31' };
  const allow = only.map((name) => ({ package: name, versions: null, ...owned }));
  return { ...files, policies: files.policies.map((policy) => ({ ...policy, approve: [], allow })) };
}
