/** Everything that will be and will go wrong in one simulation, drawn from its seed alone. */
import type { Client, Policy, SegmentRule, Site } from '../../../domain/policies/policy.ts';
import { Chance } from './chance.ts';
import { type CycleStart, drawCycles } from './cycles.ts';
import { type EndpointFacts, type Span, drawEndpoints } from './endpoints.ts';
import { type OrderFacts, drawOrders } from './orders.ts';
import { drawPolicy, drawSites } from './policies.ts';
import { type PublishedVersion, drawPublishedVersions } from './releases.ts';
import { outbreak, rush, twiceAtOnce } from './trials.ts';

export type ClientFacts = {
  readonly client: Client;
  readonly sites: readonly Site[];
  readonly segments: readonly SegmentRule[];
  readonly policies: readonly Policy[];
  readonly endpoints: readonly EndpointFacts[];
};

/** Something that happens to the workers, their memory or the clock. */
export type Mishap =
  | { readonly at: number; readonly kind: 'crash' | 'pause'; readonly taskQueue: string; readonly forMs: number }
  | { readonly at: number; readonly kind: 'jump'; readonly forMs: number }
  | { readonly at: number; readonly kind: 'database away'; readonly forMs: number }
  | { readonly at: number; readonly kind: 'terminate'; readonly lot: number }
  /** Whoever looks every few minutes for what nobody holds, and for snapshots that nothing needs. */
  | { readonly at: number; readonly kind: 'reconcile' | 'clean up' };

export type Scenario = {
  readonly seed: number;
  readonly startAt: number;
  /** When nobody looks any more. */
  readonly endAt: number;
  readonly clients: readonly ClientFacts[];
  readonly releases: readonly PublishedVersion[];
  readonly cycles: readonly CycleStart[];
  readonly orders: readonly OrderFacts[];
  readonly mishaps: readonly Mishap[];
  /** How often the answer of an activity that did its work never arrives. */
  readonly answersLost: number;
  readonly continueAsNewAfterEvents: number;
};

export type Size = { readonly endpointsAtMost: number };

const hour = 3_600_000;

/** Instants near which civil time changes somewhere: in spring and in autumn, both halves of the earth. */
const changesOfTime = [
  '2026-03-29T01:00:00Z',
  '2026-10-25T01:00:00Z',
  '2026-03-08T07:00:00Z',
  '2026-11-01T06:00:00Z',
  '2026-04-04T15:00:00Z',
  '2026-10-03T15:30:00Z',
  '2026-09-06T04:00:00Z',
] as const;

export function drawScenario(seed: number, size: Size): Scenario {
  const chance = new Chance(seed * 2654435761 + 97);
  const startAt = drawStart(chance);
  const endAt = startAt + 4.5 * hour;
  const releases = drawPublishedVersions(chance);
  const count = chance.oneOf([1, 1, 1, 2, 2, 3]);
  const clients = ['acme', 'bolt', 'cask']
    .slice(0, count)
    .map((id) =>
      drawClient(chance, id, { startAt, endAt, endpoints: drawCount(chance, size.endpointsAtMost, count), releases }),
    );
  const cycles = clients.flatMap((client) => drawCycles(chance, client, releases, startAt));
  const scenario: Scenario = {
    seed,
    startAt,
    endAt,
    clients,
    releases,
    cycles,
    orders: drawOrders(chance, cycles, clients),
    mishaps: drawMishaps(chance, clients, { fromAt: startAt, untilAt: endAt }),
    answersLost: chance.oneOf([0, 0, 0.005, 0.02]),
    continueAsNewAfterEvents: chance.oneOf([4096, 400, 120]),
  };
  if (clients.length > 1 && chance.happens(0.12)) return outbreak(scenario);
  if (chance.happens(0.2)) return twiceAtOnce(scenario);
  return chance.happens(0.2) ? rush(scenario) : scenario;
}

function drawStart(chance: Chance): number {
  const anyDay =
    Date.parse('2026-01-01T00:00:00Z') + chance.between(0, 365) * 24 * hour + chance.between(0, 1439) * 60_000;
  if (!chance.happens(0.3)) return anyDay;
  return Date.parse(chance.oneOf(changesOfTime)) + chance.between(-240, 60) * 60_000;
}

/** Mostly small: one endpoint, two, three. Seldom as many as there may be. */
function drawCount(chance: Chance, atMost: number, clients: number): number {
  const kind = chance.next();
  const wanted =
    kind < 0.55
      ? chance.between(1, 5)
      : kind < 0.9
        ? chance.between(5, 12)
        : kind < 0.98
          ? chance.between(12, 30)
          : chance.between(30, atMost);
  return Math.max(1, Math.min(wanted, Math.floor(atMost / clients)));
}

function drawClient(
  chance: Chance,
  id: string,
  when: {
    readonly startAt: number;
    readonly endAt: number;
    readonly endpoints: number;
    readonly releases: readonly PublishedVersion[];
  },
): ClientFacts {
  const sites = drawSites(chance);
  const desks = when.endpoints > 2 && chance.happens(0.25);
  const services = when.releases.flatMap(({ service }) => (service && chance.happens(0.8) ? [service] : []));
  const policies = [
    drawPolicy(chance, 'servers', 'server', when.startAt, services),
    ...(desks ? [drawPolicy(chance, 'desks', 'desk', when.startAt, services)] : []),
  ];
  const span: Span = { fromAt: when.startAt, untilAt: when.endAt };
  const endpoints = drawEndpoints(chance, { clientId: id, sites, count: when.endpoints, desks }, when.releases, span);
  return {
    client: { id, name: id },
    sites,
    segments: [],
    policies: policies.map((policy) => named(chance, policy, endpoints)),
    endpoints,
  };
}

/** Some canaries are named by the operator. */
function named(chance: Chance, policy: Policy, endpoints: readonly EndpointFacts[]): Policy {
  const [first, ...others] = policy.rings;
  const canary = chance.oneOf(endpoints);
  if (!first || !canary || others.length === 0 || !chance.happens(0.15)) return policy;
  return { ...policy, rings: [{ ...first, endpoints: [canary.stated.name] }, ...others] };
}

function drawMishaps(chance: Chance, clients: readonly ClientFacts[], span: Span): Mishap[] {
  const queues = [
    'control',
    ...clients.flatMap(({ client, sites }) => sites.map((site) => `site/${site.id}.${client.id}`)),
  ] as [string, ...string[]];
  const trouble = chance.oneOf([0, 0, 1, 3]);
  // Most of the work is done early.
  const sometime = () => span.fromAt + Math.floor(chance.next() ** 2 * 3 * hour);
  const times = (most: number) => Array.from({ length: Math.round(chance.next() * most * trouble) });
  return [
    ...times(2).map((): Mishap => ({
      at: sometime(),
      kind: 'crash',
      taskQueue: chance.oneOf(queues),
      forMs: drawLength(chance),
    })),
    ...times(1).map((): Mishap => ({
      at: sometime(),
      kind: 'pause',
      taskQueue: chance.oneOf(queues),
      forMs: drawLength(chance),
    })),
    ...times(0.5).map((): Mishap => ({ at: sometime(), kind: 'jump', forMs: 1000 * chance.between(1, 3600) })),
    ...times(0.7).map((): Mishap => ({ at: sometime(), kind: 'database away', forMs: 1000 * chance.between(1, 300) })),
    ...times(0.4).map((): Mishap => ({ at: sometime(), kind: 'terminate', lot: chance.next() })),
    ...[0.5, 1, 2, 3, 4.1, 4.3].map((hours): Mishap => ({ at: span.fromAt + hours * hour, kind: 'reconcile' })),
    ...[2.5, 4.2].map((hours): Mishap => ({ at: span.fromAt + hours * hour, kind: 'clean up' })),
  ];
}

function drawLength(chance: Chance): number {
  return chance.happens(0.7) ? chance.between(100, 10_000) : 1000 * chance.between(10, 900);
}
