/** Which segment an endpoint belongs to and which policy it falls under: at most one of each, with the reason. */
import type { Inventory } from '../endpoints/endpoint.ts';
import type { Conditions, EndpointType, Policy, SegmentRule, StatedEndpoint } from './policy.ts';
import { rangeProblem, satisfies } from '../versions.ts';

/** What the conditions ask of an inventory; null where the endpoint was never inventoried. */
export type InventorySummary = {
  readonly os: Pick<Inventory['os'], 'id' | 'version'>;
  readonly virtualization: string;
};

export type Category = {
  /** Null: no segment rule matches. */
  readonly segment: string | null;
  /** Null: no policy applies, so the endpoint is not patched. */
  readonly policy: string | null;
  readonly because: readonly string[];
};

/**
 * The most specific match wins (the one with the most conditions); among equals the one declared first.
 * What is not known fulfils no condition.
 */
export function categorize(what: {
  readonly endpoint: StatedEndpoint;
  readonly inventory: InventorySummary | null;
  readonly segments: readonly SegmentRule[];
  readonly policies: readonly Policy[];
}): Category {
  const { endpoint, inventory } = what;
  const facts = factsOf(endpoint, inventory);
  const rule = mostSpecific(what.segments, ({ when }) => when, facts);
  const segment = rule?.segment ?? null;
  const policy = mostSpecific(
    what.policies,
    ({ applies }) => applies,
    segment ? { ...facts, segment: [segment] } : facts,
  );
  return {
    segment,
    policy: policy?.name ?? null,
    because: [
      ...(inventory ? [] : ['it has no inventory, so its operating system and type are not known']),
      rule ? `segment ${rule.segment}, since ${describeConditions(rule.when)}` : 'no segment rule matches it',
      policy
        ? `policy ${policy.name}, since ${describeConditions(policy.applies ?? {})}`
        : 'no policy applies to it, so it is not patched',
    ],
  };
}

/** Conditions in words: `role is web and criticality is low or medium`. */
function describeConditions(conditions: Conditions): string {
  const parts = Object.entries(conditions).flatMap(([name, values]) =>
    values ? [`${name} is ${values.join(' or ')}`] : [],
  );
  return parts.length > 0 ? parts.join(' and ') : 'it applies to everything';
}

const conditionNames = [
  'segment',
  'os',
  'version',
  'role',
  'criticality',
  'owner',
  'site',
  'type',
  'tag',
] as const satisfies readonly (keyof Conditions)[];

type Facts = Readonly<Record<keyof Conditions, readonly string[]>>;

function factsOf(endpoint: StatedEndpoint, inventory: InventorySummary | null): Facts {
  return {
    segment: [],
    os: inventory ? [inventory.os.id] : [],
    version: inventory ? [inventory.os.version] : [],
    role: endpoint.role === null ? [] : [endpoint.role],
    criticality: [endpoint.criticality],
    owner: endpoint.owner === null ? [] : [endpoint.owner],
    site: [endpoint.siteId],
    type: inventory ? [typeOf(inventory.virtualization)] : [],
    tag: endpoint.tags,
  };
}

const containers = [
  'systemd-nspawn',
  'lxc',
  'lxc-libvirt',
  'docker',
  'podman',
  'openvz',
  'rkt',
  'wsl',
  'proot',
  'pouch',
];

/** From what systemd-detect-virt says. */
export function typeOf(virtualization: string): EndpointType {
  if (virtualization === 'none') return 'physical';
  return containers.includes(virtualization) ? 'container' : 'virtual';
}

function mostSpecific<Rule>(
  rules: readonly Rule[],
  conditionsOf: (rule: Rule) => Conditions | null,
  facts: Facts,
): Rule | null {
  let best: { rule: Rule; specificity: number } | null = null;
  for (const rule of rules) {
    const conditions = conditionsOf(rule);
    if (!conditions || !matches(conditions, facts)) continue;
    const specificity = Object.values(conditions).filter((values) => values !== undefined).length;
    if (!best || specificity > best.specificity) best = { rule, specificity };
  }
  return best?.rule ?? null;
}

function matches(conditions: Conditions, facts: Facts): boolean {
  return conditionNames.every((name) => {
    const wanted: readonly string[] | undefined = conditions[name];
    return wanted === undefined || wanted.some((value) => facts[name].some((fact) => isMeant(name, value, fact)));
  });
}

function isMeant(name: keyof Conditions, wanted: string, fact: string): boolean {
  if (name !== 'version' || rangeProblem(wanted) !== null) return wanted === fact;
  return satisfies(fact, wanted) === true;
}

const noSegment = 'without a segment';

/** A segment as people read it, and as tests of it are kept: endpoints that fall into none are tried together. */
export function segmentInWords(segment: string | null): string {
  return segment ?? noSegment;
}

/** The segment that a kept test names; null for those that fall into none. */
export function segmentNamed(words: string): string | null {
  return words === noSegment ? null : words;
}
