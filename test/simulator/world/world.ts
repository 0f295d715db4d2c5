/** The world of one scenario, wherever its workflows run: endpoints, the product's database, and the record of what happens. */
import type { ActivityTable, Simulation, UpdateState } from '../harness/interface.ts';
import { activitiesOf } from './activities.ts';
import { Agents } from './agents.ts';
import { MemoryDatabase } from './database/database.ts';
import { Machine, type Surroundings } from './machine.ts';
import { give } from './operators.ts';
import { applyFiles, feeds } from './provider.ts';
import type { Fact, Recorded } from './record.ts';
import { Sandboxes } from './sandboxes.ts';
import type { Scenario } from './scenario.ts';
import { Snapshots } from './snapshots.ts';
import { WorkflowRegister } from './workflows.ts';

/** Who runs the workflows. */
export type Place = Pick<Simulation, 'now' | 'at' | 'after' | 'start' | 'update' | 'signal' | 'cancel' | 'randomFor'>;

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
  'SkippedPatch',
  'OpenedWindow',
  'PatchBreaker',
  'AuditEvent',
]);

export class World {
  readonly record: Recorded[] = [];
  readonly register = new WorkflowRegister();
  readonly database: MemoryDatabase;
  readonly activities: ActivityTable;
  readonly #scenario: Scenario;
  readonly #place: () => Place;
  readonly #fleet = new Map<string, Machine>();
  readonly #around: Surroundings;
  #databaseAwayUntil = 0;

  /** @param place asked for only once the workflows run */
  constructor(scenario: Scenario, place: () => Place) {
    const { releases, startAt, answersLost } = scenario;
    const fleet = this.#fleet;
    const now = () => place().now();
    const record = (fact: Fact) => this.note(fact);
    const around: Surroundings = { now, later: (ms, act) => place().after(ms, act), record, releases };
    this.#scenario = scenario;
    this.#place = place;
    this.#around = around;
    this.database = new MemoryDatabase(({ model, before, after }) => {
      if (watched.has(model)) record({ fact: 'row', model, before, after });
    });
    const site = {
      agents: new Agents({ fleet, releases, record, now, startAt }),
      networks: { scan: async () => [] },
      snapshots: new Snapshots({ fleet, record, now }),
      sandboxes: new Sandboxes(fleet, around),
    };
    let random: (() => number) | undefined;
    this.activities = activitiesOf({
      control: { tenants: this.database, workflows: this.register, ...feeds },
      site,
      fleet,
      record,
      random: () => (random ??= place().randomFor('the world'))(),
      isDatabaseAway: () => now() < this.#databaseAwayUntil,
      answersLost,
    });
  }

  note(fact: Fact): void {
    this.record.push({ at: this.#place().now(), ...fact });
  }

  /** Puts the clients' files into force, and makes appointments for cycles and orders. `Date` has to tell the place's time. */
  async open(): Promise<void> {
    const place = this.#place();
    const { clients, cycles, orders, releases } = this.#scenario;
    for (const { endpoints } of clients)
      for (const facts of endpoints) this.#fleet.set(facts.endpointId, new Machine(facts, this.#around));
    for (const client of clients) await applyFiles(this.database, client);
    for (const { at, input } of cycles)
      place.at(at, () => {
        place.start(input.kind === 'emergency' ? 'emergencyPatch' : 'patchCycle', input.cycleId, [input]);
      });
    const counter = { simulation: place, database: this.database, record: (fact: Fact) => this.note(fact), releases };
    for (const input of orders) place.at(input.at, () => give(counter, input));
  }

  answered(cycleId: string, order: string, outcome: UpdateState): void {
    const because = 'failure' in outcome ? outcome.failure.message : '';
    this.note({ fact: 'order answered', order, cycleId, accepted: outcome.state === 'completed', because });
  }

  databaseGoesAway(forMs: number): void {
    this.#databaseAwayUntil = this.#place().now() + forMs;
  }
}
