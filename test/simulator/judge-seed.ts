/** One seed: simulated, judged, and counted. */
import { judgeRecord } from './checker/checker.ts';
import type { GateTally } from './checker/gate-tally.ts';
import { noGates } from './checker/gate-tally.ts';
import type { Violation } from './checker/rule.ts';
import type { ActivityTable, WorkflowBundle } from './harness/interface.ts';
import { type Size, drawScenario } from './world/scenario.ts';
import { type Simulated, simulate } from './world/simulate.ts';

export type SeedResult = {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** What makes the simulation itself doubtful: replays that differ, workflow code that threw, a world that broke. */
  readonly complaints: readonly string[];
  readonly exercised: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly orders: Readonly<Record<string, number>>;
  /** Endpoints by how they ended, or what they wait for. */
  readonly ends: Readonly<Record<string, number>>;
  readonly gates: GateTally;
};

/** @param altered the table of activities with something else in it, for a try that has to be caught */
export async function judgeSeed(
  seed: number,
  size: Size,
  product: { readonly bundle: WorkflowBundle; readonly altered?: (table: ActivityTable) => ActivityTable },
): Promise<SeedResult> {
  const scenario = drawScenario(seed, size);
  try {
    const simulated = await simulate(scenario, product);
    const { violations, exercised, gates } = judgeRecord(simulated);
    const { complaints, record } = simulated;
    const faults = counted(record.flatMap((fact) => (fact.fact === 'fault' ? [fact.fault] : [])));
    const orders = counted(
      record.flatMap((fact) =>
        fact.fact === 'order answered' ? [`${fact.order} ${fact.accepted ? 'taken' : 'refused'}`] : [],
      ),
    );
    return { seed, violations, complaints, exercised, faults, orders, ends: endsOf(simulated), gates };
  } catch (problem) {
    const complaints = [`the simulation broke: ${problem instanceof Error ? problem.stack : String(problem)}`];
    return { seed, violations: [], complaints, exercised: {}, faults: {}, orders: {}, ends: {}, gates: noGates };
  }
}

/** Adds up counts by their names. */
export function addUp(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const count of counts) for (const [name, number] of Object.entries(count)) sum[name] = (sum[name] ?? 0) + number;
  return sum;
}

function counted(names: readonly string[]): Record<string, number> {
  return addUp(names.map((name) => ({ [name]: 1 })));
}

function endsOf({ record, scenario }: Simulated): Record<string, number> {
  const policyOf = new Map(scenario.cycles.map(({ input }) => [input.cycleId, input.policyName]));
  const last = new Map<string, string>();
  for (const fact of record) {
    if (fact.fact !== 'row' || fact.model !== 'CycleEndpoint' || !fact.after) continue;
    const { cycleId, endpointId, policyName, outcome, state, waitingFor } = fact.after as Record<string, string | null>;
    if (policyOf.get(String(cycleId)) !== policyName) continue;
    const stands = state === 'waiting' ? `waiting for ${waitingFor}` : String(state);
    last.set(`${cycleId} ${endpointId}`, outcome ?? stands);
  }
  return counted([...last.values()]);
}
