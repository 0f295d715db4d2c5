/** One simulation: a scenario, the product's workflows and activities in it, and the record of what came of it. */
import type { ActivityTable, Simulation, UpdateState, WorkflowBundle } from '../harness/interface.ts';
import { createSimulation } from '../harness/simulation.ts';
import { activitiesOf } from './activities.ts';
import { Agents } from './agents.ts';
import { takeClock } from './clock.ts';
import { MemoryDatabase } from './database/database.ts';
import { Machine, type Surroundings } from './machine.ts';
import { give } from './operators.ts';
import { applyFiles, feeds } from './provider.ts';
import type { Fact, Recorded } from './record.ts';
import { Sandboxes } from './sandboxes.ts';
import type { Mishap, Scenario } from './scenario.ts';
import { Snapshots } from './snapshots.ts';
import { WorkflowRegister } from './workflows.ts';

export type Simulated = {
  readonly scenario: Scenario;
  readonly record: readonly Recorded[];
  readonly endedAt: number;
  /** Workflows that had not ended. */
  readonly running: readonly string[];
  /** What the engine itself complained of: replays that differ, workflow code that threw. */
  readonly complaints: readonly string[];
};

/** Tables whose rows the checker reads. */
const watched: ReadonlySet<string> = new Set([
  'Cycle',
  'CycleEndpoint',
  'CyclePatch',
  'ChangeRecord',
  'GateVerdict',
  'SnapshotRecord',
  'Evidence',
  'SoakCheck',
  'Halt',
  'OpenedWindow',
  'PatchBreaker',
  'AuditEvent',
]);

/** Attempts of activities after which nobody looks any more: those who wait ask again and again. */
const attemptsAtMost = 25_000;

/** What an operator may terminate by mistake. */
const terminable = /^(endpoint|ring|cycle|catch-up|emergency)\//;

export async function simulate(
  scenario: Scenario,
  {
    bundle,
    altered = (table) => table,
  }: { readonly bundle: WorkflowBundle; readonly altered?: (table: ActivityTable) => ActivityTable },
): Promise<Simulated> {
  const recorded: Recorded[] = [];
  const complaints: string[] = [];
  const fleet = new Map<string, Machine>();
  const register = new WorkflowRegister();
  let databaseAwayUntil = 0;
  let attempts = 0;
  const record = (fact: Fact) => void recorded.push({ at: simulation.now(), ...fact });
  const now = () => simulation.now();
  const answer = (cycleId: string, order: string, outcome: UpdateState) => {
    const because = 'failure' in outcome ? outcome.failure.message : '';
    record({ fact: 'order answered', order, cycleId, accepted: outcome.state === 'completed', because });
  };
  const around: Surroundings = {
    now,
    later: (ms, act) => simulation.after(ms, act),
    record,
    releases: scenario.releases,
  };
  const database = new MemoryDatabase(({ model, before, after }) => {
    if (watched.has(model)) record({ fact: 'row', model, before, after });
  });
  const { releases, startAt } = scenario;
  const site = {
    agents: new Agents({ fleet, releases, record, now, startAt }),
    networks: { scan: async () => [] },
    snapshots: new Snapshots({ fleet, record, now }),
    sandboxes: new Sandboxes(fleet, around),
  };
  // The table is asked for only while the simulation runs.
  const random = () => randomSource();
  let randomSource: () => number = () => 0;
  const activities = altered(
    activitiesOf({
      control: { tenants: database, workflows: register, ...feeds },
      site,
      fleet,
      record,
      random,
      isDatabaseAway: () => now() < databaseAwayUntil,
      answersLost: scenario.answersLost,
    }),
  );
  const simulation: Simulation = createSimulation({
    bundle,
    seed: scenario.seed,
    activities,
    startAt,
    taskQueue: 'control',
    recordPayloads: false,
    continueAsNewAfterEvents: scenario.continueAsNewAfterEvents,
    record: (event) => {
      register.hears(event);
      if (event.kind === 'activity attempt started') attempts += 1;
      if (event.kind === 'update ended') answer(event.workflowId, event.update, event.outcome);
      if (event.kind === 'nondeterminism') complaints.push(`${event.workflowId}: ${event.because}`);
      if (event.kind === 'workflow task failed') complaints.push(`${event.workflowId}: ${event.failure.message}`);
      if (event.kind === 'child start refused') record({ fact: 'fault', fault: 'endpoint held by another cycle' });
    },
  });
  randomSource = simulation.randomFor('the world');
  const giveBack = takeClock(now);
  try {
    for (const { endpoints } of scenario.clients)
      for (const facts of endpoints) fleet.set(facts.endpointId, new Machine(facts, around));
    for (const client of scenario.clients) await applyFiles(database, client);
    for (const { at, order } of scenario.cycles)
      simulation.at(at, () => {
        simulation.start(order.kind === 'emergency' ? 'emergencyPatch' : 'patchCycle', order.cycleId, [order]);
      });
    for (const order of scenario.orders)
      simulation.at(order.at, () => give({ simulation, database, record, releases }, order));
    for (const mishap of scenario.mishaps)
      simulation.at(mishap.at, () => {
        if (mishap.kind === 'database away') databaseAwayUntil = now() + mishap.forMs;
        befall(simulation, mishap, record);
      });
    await simulation.run({ horizonMs: scenario.endAt - startAt, until: () => attempts > attemptsAtMost });
    return { scenario, record: recorded, endedAt: now(), running: simulation.running(), complaints };
  } finally {
    giveBack();
    simulation.dispose();
  }
}

function befall(simulation: Simulation, mishap: Mishap, record: (fact: Fact) => void): void {
  switch (mishap.kind) {
    case 'crash':
      record({ fact: 'fault', fault: 'workers crash' });
      return simulation.crash(mishap.taskQueue, mishap.forMs);
    case 'pause':
      record({ fact: 'fault', fault: 'workers are restarted' });
      return simulation.pause(mishap.taskQueue, mishap.forMs);
    case 'jump':
      record({ fact: 'fault', fault: 'clock jumps' });
      return simulation.jump(mishap.forMs);
    case 'database away':
      return record({ fact: 'fault', fault: 'database away' });
    case 'terminate':
      return terminateOne(simulation, mishap.lot, record);
    case 'reconcile':
    case 'clean up': {
      const [type, workflowId] =
        mishap.kind === 'reconcile'
          ? ['reconcile', 'chore/reconcile']
          : ['cleanUpSnapshots', 'chore/clean-up-snapshots'];
      simulation.start(type, workflowId, [], { whenRunning: 'use existing' });
    }
  }
}

function terminateOne(simulation: Simulation, lot: number, record: (fact: Fact) => void): void {
  const running = simulation.running().filter((workflowId) => terminable.test(workflowId));
  const workflowId = running[Math.floor(lot * running.length)];
  if (!workflowId) return;
  record({ fact: 'fault', fault: `${workflowId.split('/')[0]} workflow terminated` });
  simulation.terminate(workflowId, 'an operator pressed the wrong button');
}
