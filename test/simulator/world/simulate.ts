/** One simulation: a scenario, the product's workflows and activities in it, and the record of what came of it. */
import type { ActivityTable, RecordedEvent, Simulation, WorkflowBundle, WorkflowState } from '../harness/interface.ts';
import { createSimulation } from '../harness/simulation.ts';
import { takeClock } from './clock.ts';
import type { Fact, Recorded } from './record.ts';
import type { Mishap, Scenario } from './scenario.ts';
import { World } from './world.ts';

export type Simulated = {
  readonly scenario: Scenario;
  readonly record: readonly Recorded[];
  readonly endedAt: number;
  /** Workflows that had not ended. */
  readonly running: readonly string[];
  /** What the engine itself complained of: replays that differ, workflow code that threw. */
  readonly complaints: readonly string[];
  /** How a workflow stood in the end; undefined where there was none. */
  readonly stateOf: (workflowId: string) => WorkflowState | undefined;
};

export type Product = {
  readonly bundle: WorkflowBundle;
  /** The table of activities with something else in it. */
  readonly altered?: (table: ActivityTable) => ActivityTable;
  /** Told of every event of the engine's. */
  readonly hears?: (event: RecordedEvent) => void;
};

/** Attempts of activities after which nobody looks any more: those who wait ask again and again. */
const attemptsAtMost = 25_000;

/** What an operator may terminate by mistake. */
const terminable = /^(endpoint|ring|cycle|catch-up|emergency)\//;

export async function simulate(
  scenario: Scenario,
  { bundle, altered = (table) => table, hears }: Product,
): Promise<Simulated> {
  const complaints: string[] = [];
  let attempts = 0;
  // The world asks for the simulation only while that runs.
  const world = new World(scenario, () => simulation);
  const record = (fact: Fact) => world.note(fact);
  const { startAt, endAt } = scenario;
  const simulation: Simulation = createSimulation({
    bundle,
    seed: scenario.seed,
    activities: altered(world.activities),
    startAt,
    taskQueue: 'control',
    keepRecord: false,
    continueAsNewAfterEvents: scenario.continueAsNewAfterEvents,
    record: (event) => {
      world.register.hears(event);
      hears?.(event);
      if (event.kind === 'activity attempt started') attempts += 1;
      if (event.kind === 'update ended') world.answered(event.workflowId, event.update, event.outcome);
      if (event.kind === 'nondeterminism') complaints.push(`${event.workflowId}: ${event.because}`);
      if (event.kind === 'workflow task failed') complaints.push(`${event.workflowId}: ${event.failure.message}`);
      if (event.kind === 'child start refused') record({ fact: 'fault', fault: 'endpoint held by another cycle' });
    },
  });
  const now = () => simulation.now();
  const giveBack = takeClock(now);
  try {
    await world.open();
    for (const mishap of scenario.mishaps)
      simulation.at(mishap.at, () => {
        if (mishap.kind === 'database away') world.databaseGoesAway(mishap.forMs);
        befall(simulation, mishap, record);
      });
    await simulation.run({ horizonMs: endAt - startAt, until: () => attempts > attemptsAtMost });
    return {
      scenario,
      record: world.record,
      endedAt: now(),
      running: simulation.running(),
      complaints,
      stateOf: (workflowId) => simulation.resultOf(workflowId),
    };
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
      record({ fact: 'clock jumped', byMs: mishap.forMs });
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
