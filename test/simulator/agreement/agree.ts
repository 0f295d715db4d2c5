/** Plays a seed on the harness and on a real server, and says where they differ. */
import { fileURLToPath } from 'node:url';
import type { OperationInput } from '../../../activities/site/agents.ts';
import { bundleOf } from '../harness/bundle.ts';
import { differenceOf } from '../harness/history.ts';
import type { ActivityTable, RecordedEvent } from '../harness/interface.ts';
import { type Asked, onRealServer } from '../harness/real-server.ts';
import { createSimulation } from '../harness/simulation.ts';
import type { Scenario } from '../world/scenario.ts';
import { takeClock } from '../world/clock.ts';
import { type Place, World } from '../world/world.ts';
import { calmScenario } from './calm.ts';
import { type Played, playedIn } from './played.ts';

const workflowsPath = fileURLToPath(new URL('../../../workflows/index.ts', import.meta.url));
/** Virtual time goes so many times faster than the server's. */
const speed = 60;

export type Server = { readonly address: string; readonly namespace: string };

export type Agreement = { readonly seed: number; readonly workflows: number; readonly differences: readonly string[] };

export async function compareOn(server: Server, seed: number): Promise<Agreement> {
  const scenario = calmScenario(seed);
  const harness = await playOnHarness(scenario);
  const real = await playOnServer(scenario, server);
  return { seed, workflows: Object.keys(real.workflows).length, differences: differencesOf(harness, real) };
}

async function playOnHarness(scenario: Scenario): Promise<Played> {
  const asked = new Map<string, Asked[]>();
  const world = new World(scenario, () => simulation);
  const simulation = createSimulation({
    bundle: await bundleOf(),
    seed: scenario.seed,
    activities: world.activities,
    startAt: scenario.startAt,
    taskQueue: 'control',
    keepRecord: false,
    record: (event) => hear(asked, event),
  });
  return played(world, simulation, async () => {
    await simulation.run({ horizonMs: scenario.endAt - scenario.startAt });
    simulation.dispose();
    return playedIn(world, asked, (workflowId) => simulation.resultOf(workflowId));
  });
}

function hear(asked: Map<string, Asked[]>, event: RecordedEvent): void {
  if (event.kind === 'workflow started') {
    if (!asked.has(event.workflowId)) asked.set(event.workflowId, []);
    if (event.parentId !== null && event.continuedFrom === null)
      asked.get(event.parentId)?.push({ child: `${event.workflowType} ${event.workflowId}` });
  }
  if (event.kind === 'activity scheduled' && !event.local)
    asked.get(event.workflowId)?.push({ activity: event.activityType });
}

async function playOnServer(scenario: Scenario, { address, namespace }: Server): Promise<Played> {
  const { seed, startAt, endAt, clients } = scenario;
  const world = new World(scenario, () => real);
  const otherQueues = clients.flatMap(({ client, sites }) => sites.map(({ id }) => `site/${id}.${client.id}`));
  const activities = neverHeldUp(world.activities);
  const taskQueue = 'control';
  const where = { address, namespace, workflowsPath, taskQueue, otherQueues, speed };
  const real = await onRealServer({ ...where, seed, activities, startAt });
  try {
    return await played(world, real, async () => {
      await real.run({ horizonMs: endAt - startAt });
      return playedIn(world, await real.asked(), (workflowId) => real.resultOf(workflowId));
    });
  } finally {
    await real.close();
  }
}

/** What takes a server some milliseconds is so many times longer here: no permit is spent by that. */
function neverHeldUp(activities: ActivityTable): ActivityTable {
  const { carryOutOperation } = activities;
  if (!carryOutOperation) throw new Error('there is no activity carryOutOperation');
  return {
    ...activities,
    carryOutOperation: ([order], attempt) =>
      carryOutOperation([{ ...(order as OperationInput), permitAskedAt: Infinity }], attempt),
  };
}

/** In the time of the place. */
async function played(world: World, place: Place, play: () => Promise<Played>): Promise<Played> {
  const giveBack = takeClock(() => place.now());
  try {
    await world.open();
    return await play();
  } finally {
    giveBack();
  }
}

/** For each workflow, endpoint and gate the first difference. */
function differencesOf(harness: Played, server: Played): readonly string[] {
  return (['workflows', 'endpoints', 'gates'] as const).flatMap((part) => {
    const [ours, theirs]: readonly Readonly<Record<string, unknown>>[] = [harness[part], server[part]];
    const names = new Set([...Object.keys(ours ?? {}), ...Object.keys(theirs ?? {})]);
    return [...names].flatMap((name) => {
      const difference = differenceOf(ours?.[name], theirs?.[name], `${name} on the harness`);
      return difference === null ? [] : [`${difference} on the server`];
    });
  });
}
