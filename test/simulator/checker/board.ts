/** What the checker knows at an instant of the record: rows as they stand, who holds which endpoint, what was last seen of it. */
import type { Policy, Site } from '../../../domain/policies/policy.ts';
import type { EndpointFacts } from '../world/endpoints.ts';
import type { Fact, Recorded, Row, Truth } from '../world/record.ts';
import type { Scenario } from '../world/scenario.ts';

export type Begun = Extract<Fact, { fact: 'effect begun' }> & { readonly at: number };

/** The time in which one cycle works on one endpoint, from its row's being in flight to its end. */
export type LockHold = {
  readonly cycleId: string;
  readonly endpointId: string;
  readonly fromAt: number;
  /** Put back by a person's order, not patched. */
  readonly isRollback: boolean;
  /** As it was before anything was done to it. */
  before: Truth | null;
  lastSeen: { readonly truth: Truth; readonly at: number } | null;
  readonly begun: Begun[];
  snapshot: { readonly snapshotId: string; readonly takenAt: number; usable: boolean } | null;
};

/** Unknown too: whoever looks after lost work acts in the name of the cycle that began it. */
const holding: ReadonlySet<unknown> = new Set(['in flight', 'rolling back', 'unknown']);

export class Board {
  readonly scenario: Scenario;
  readonly endpoints: ReadonlyMap<string, EndpointFacts>;
  readonly sites: ReadonlyMap<string, Site>;
  readonly #rows = new Map<string, Map<string, Row>>();
  /** The same rows by their cycle, and those of CycleEndpoint by their endpoint too. */
  readonly #ofCycles = new Map<string, Map<string, Row>>();
  readonly #ofEndpoints = new Map<string, Map<string, Row>>();
  readonly #holds = new Map<string, LockHold>();
  readonly #purposes = new Map<string, { readonly cycleId: string; readonly step: string }>();

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.endpoints = new Map(
      scenario.clients.flatMap(({ endpoints }) => endpoints.map((each) => [each.endpointId, each])),
    );
    this.sites = new Map(
      scenario.clients.flatMap(({ client, sites }) => sites.map((site) => [`${site.id}.${client.id}`, site])),
    );
  }

  rows(model: string): readonly Row[] {
    return [...(this.#rows.get(model)?.values() ?? [])];
  }

  /** The row with this id. */
  row(model: string, id: unknown): Row | undefined {
    return this.#rows.get(model)?.get(String(id));
  }

  /** Rows of one cycle. */
  of(model: string, cycleId: unknown): readonly Row[] {
    return [...(this.#ofCycles.get(`${model} ${String(cycleId)}`)?.values() ?? [])];
  }

  /** How one endpoint stands in each of its cycles. */
  statesOf(endpointId: string): readonly Row[] {
    return [...(this.#ofEndpoints.get(endpointId)?.values() ?? [])];
  }

  member(cycleId: string, endpointId: string): Row | undefined {
    return this.#rows.get('CycleEndpoint')?.get(`${cycleId}\n${endpointId}`);
  }

  hold(endpointId: string): LockHold | undefined {
    return this.#holds.get(endpointId);
  }

  holds(): readonly LockHold[] {
    return [...this.#holds.values()];
  }

  purposeOf(operationId: string) {
    return this.#purposes.get(operationId);
  }

  isProduction(endpointId: string): boolean {
    return this.endpoints.has(endpointId);
  }

  /** What the scenario says the cycle has to follow: an emergency has its own section, with floors. */
  policyOf(cycleId: string): Policy {
    const started = this.scenario.cycles.find(({ input }) => input.cycleId === cycleId);
    const client = this.scenario.clients.find(({ client }) => client.id === started?.input.clientId);
    const policy = client?.policies.find(({ name }) => name === started?.input.policyName);
    if (!started || !policy) throw new Error(`the scenario has no cycle ${cycleId}`);
    if (started.input.kind === 'standard') return policy;
    const { emergency } = policy;
    return {
      ...policy,
      windows: emergency ? emergency.windows : policy.windows,
      snapshot: { ...policy.snapshot, required: true },
      changeApproval: emergency ? emergency.changeApproval : policy.changeApproval,
      gate: {
        ...policy.gate,
        soakMinutes: emergency ? Math.min(emergency.soakMinutes, policy.gate.soakMinutes) : policy.gate.soakMinutes,
        atLeastVerified: Math.max(1, policy.gate.atLeastVerified),
      },
    };
  }

  isEmergency(cycleId: string): boolean {
    return cycleId.startsWith('emergency/');
  }

  /** Takes a fact in. */
  put(fact: Recorded): void {
    if (fact.fact === 'row') this.#putRow(fact, fact.at);
    else if (fact.fact === 'purpose') this.#purposes.set(fact.operationId, fact);
    else if ('endpointId' in fact) this.#putSeen(fact);
  }

  #putRow({ model, before, after }: Extract<Fact, { fact: 'row' }>, at: number): void {
    const row = after ?? before ?? {};
    const key = model === 'CycleEndpoint' ? `${String(row['cycleId'])}\n${String(row['endpointId'])}` : keyOf(row);
    put(this.#rows, model, key, after);
    put(this.#ofCycles, `${model} ${String(row['cycleId'])}`, key, after);
    if (model !== 'CycleEndpoint') return;
    put(this.#ofEndpoints, String(row['endpointId']), key, after);
    if (after) this.#putMember(before, after, at);
  }

  #putMember(before: Row | null, after: Row, fromAt: number): void {
    const [endpointId, cycleId] = [String(after['endpointId']), String(after['cycleId'])];
    const [was, is] = [holding.has(before?.['state']), holding.has(after['state'])];
    const current = this.#holds.get(endpointId);
    if (is && !was) {
      const isRollback = after['state'] === 'rolling back';
      const nothing = { before: null, lastSeen: null, begun: [], snapshot: null };
      this.#holds.set(endpointId, { cycleId, endpointId, fromAt, isRollback, ...nothing });
    }
    if (was && !is && current?.cycleId === cycleId) this.#holds.delete(endpointId);
  }

  #putSeen(fact: Extract<Recorded, { endpointId: string }>): void {
    const hold = this.#holds.get(fact.endpointId);
    if (!hold) return;
    if (fact.fact === 'observed') {
      // Answers get lost: what is gone by is the last look before anything was done.
      if (!hold.begun.some(({ kind }) => kind !== 'prefetch')) hold.before = fact.truth;
      hold.lastSeen = { truth: fact.truth, at: fact.at };
    } else if (fact.fact === 'effect begun') hold.begun.push(fact);
    else if (fact.fact === 'snapshot taken')
      hold.snapshot = { snapshotId: fact.snapshotId, takenAt: fact.at, usable: false };
    else if (fact.fact === 'snapshot verified' && hold.snapshot?.snapshotId === fact.snapshotId)
      hold.snapshot.usable = fact.usable;
  }
}

function put(places: Map<string, Map<string, Row>>, name: string, key: string, row: Row | null): void {
  const place = places.get(name) ?? new Map<string, Row>();
  places.set(name, place);
  if (row) place.set(key, row);
  else place.delete(key);
}

function keyOf(row: Row): string {
  if (typeof row['id'] === 'string') return row['id'];
  const names = [
    'cycleId',
    'endpointId',
    'step',
    'ring',
    'check',
    'package',
    'architecture',
    'version',
    'changeRecordId',
    'who',
    'source',
    'address',
    'siteId',
  ];
  const parts = names.flatMap((name) => (name in row ? [String(row[name])] : []));
  return [
    ...parts,
    row['at'] instanceof Date ? row['at'].toISOString() : '',
    String((row['sequence'] as number | undefined) ?? ''),
  ].join('\n');
}
