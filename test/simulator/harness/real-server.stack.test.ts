/** What the harness says of Temporal, against Temporal. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { comparisons, obedient } from './fixtures/comparison.ts';
import { fixtures, simulated, startAt } from './fixtures/simulated.ts';
import type { Simulation, WorkflowState } from './interface.ts';
import { type RealSimulation, onRealServer } from './real-server.ts';

const ids = Object.entries(comparisons).flatMap(([id, { also }]) => [id, ...(also ?? [])]);
let real: RealSimulation;
let simulation: Simulation;

beforeAll(async () => {
  simulation = await simulated(obedient, { latencies: {} });
  simulation.crash('nobody', Infinity);
  real = await onRealServer({
    address: inject('temporalAddress'),
    namespace: inject('temporalNamespace'),
    workflowsPath: fixtures,
    seed: 1,
    activities: obedient,
    startAt,
    // Its own: what others start on this server is theirs.
    taskQueue: 'harness',
    speed: 3,
  });
  for (const place of [simulation, real]) {
    for (const [id, { type, args, before, meanwhile }] of Object.entries(comparisons)) {
      before?.(place);
      place.start(type, id, args);
      meanwhile?.(place, id);
    }
  }
  await Promise.all([simulation.run({ horizonMs: 3_600_000 }), real.run({ horizonMs: 3_600_000 })]);
}, 120_000);

afterAll(async () => {
  simulation.dispose();
  await real.close();
}, 60_000);

describe('ends on the harness as on the real server:', () => {
  test.for(ids)('%s', (id) => {
    const state = real.resultOf(id);
    expect(state).toBeDefined();
    expect(withoutTimes(simulation.resultOf(id))).toEqual(withoutTimes(state));
  });
});

/** A real server takes its time. */
function withoutTimes(state: WorkflowState | undefined): unknown {
  return JSON.parse(JSON.stringify(state ?? null, (key, value: unknown) => (key === 'after' ? undefined : value)));
}
