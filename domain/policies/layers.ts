/**
 * How a policy is made of layers: a provider's baseline, and what a client's policy says on top of it.
 *
 * A narrower layer may tighten, never loosen (rule 18: docs/rules.md#rule-18). Each field has a declared order:
 * - larger is stricter: gate.soak, gate.atLeast, sandbox.required, snapshot.required, snapshot.keep, approval,
 *   emergency.soak, emergency.approval, mode (`report only` is stricter than `patch`), afterHalt (`stop` is stricter than
 *   `ask`, `ask` than `go on`), rollback (`packages` is stricter than `machine`: it takes no client data back)
 * - smaller is stricter: gate.failuresAtMost, gate.failureShareAtMost, budget (of the same kind, or one endpoint), deadline
 * - union: block, exceptions, blackouts, checks (each names what it is for, so a layer only adds)
 * - intersection: allow
 * - approve: what a layer above does not approve stays unapproved, a delay may only grow
 * - windows, emergency.windows: free, but a layer above that has windows may not be opened for any time
 * - free: rings, reboot, applies (which is not inherited)
 * Only what is stated above binds; a default does not.
 */
import { describeCheck } from '../endpoints/check.ts';
import type { AfterHalt, Policy } from './policy.ts';
import { sayMinutes } from '../words.ts';
import {
  looserWindows,
  looserBudget,
  looserApproval,
  looserAllow,
  limit,
  asNumber,
  type PolicyLayer,
  type Loosening,
} from './looser.ts';

type ComparedField = {
  readonly field: string;
  readonly stricter: 'larger' | 'smaller';
  readonly of: (layer: PolicyLayer) => number | undefined;
  readonly say: (value: number) => string;
};

const afterHalts: readonly AfterHalt[] = ['go on', 'ask', 'stop'];
const yesOrNoInWords = (value: number) => (value === 1 ? 'true' : 'false');
const personsInWords = (value: number) => (value === 0 ? 'none' : `${value} ${value === 1 ? 'person' : 'people'}`);
const daysInWords = (value: number) => sayMinutes(value * 1440);
const percentInWords = (value: number) => (value === Infinity ? 'no limit' : `${value}%`);

const comparedFields: readonly ComparedField[] = [
  {
    field: 'mode',
    stricter: 'larger',
    of: ({ mode }) => mode && Number(mode === 'report only'),
    say: (value) => (value === 1 ? 'report only' : 'patch'),
  },
  { field: 'gate.soak', stricter: 'larger', of: ({ gate }) => gate?.soakMinutes, say: sayMinutes },
  { field: 'gate.atLeast', stricter: 'larger', of: ({ gate }) => gate?.atLeastVerified, say: String },
  { field: 'gate.failuresAtMost', stricter: 'smaller', of: ({ gate }) => gate?.failuresAtMost, say: String },
  {
    field: 'gate.failureShareAtMost',
    stricter: 'smaller',
    of: ({ gate }) => limit(gate?.failurePercentAtMost),
    say: percentInWords,
  },
  {
    field: 'afterHalt',
    stricter: 'larger',
    of: ({ afterHalt }) => afterHalt && afterHalts.indexOf(afterHalt),
    say: (value) => afterHalts[value] ?? '',
  },
  {
    field: 'budget',
    stricter: 'smaller',
    of: ({ budget }) => (budget && 'count' in budget ? budget.count : undefined),
    say: String,
  },
  {
    field: 'budget',
    stricter: 'smaller',
    of: ({ budget }) => (budget && 'percent' in budget ? budget.percent : undefined),
    say: percentInWords,
  },
  {
    field: 'sandbox.required',
    stricter: 'larger',
    of: ({ sandbox }) => asNumber(sandbox?.required),
    say: yesOrNoInWords,
  },
  {
    field: 'snapshot.required',
    stricter: 'larger',
    of: ({ snapshot }) => asNumber(snapshot?.required),
    say: yesOrNoInWords,
  },
  {
    field: 'rollback',
    stricter: 'larger',
    of: ({ rollback }) => rollback && Number(rollback === 'packages'),
    say: (value) => (value === 1 ? 'packages' : 'machine'),
  },
  { field: 'snapshot.keep', stricter: 'larger', of: ({ snapshot }) => snapshot?.keepDays, say: daysInWords },
  {
    field: 'approval',
    stricter: 'larger',
    of: ({ changeApproval }) => (changeApproval === null ? 0 : changeApproval?.persons),
    say: personsInWords,
  },
  { field: 'deadline', stricter: 'smaller', of: ({ deadlineDays }) => deadlineDays, say: daysInWords },
  { field: 'emergency.soak', stricter: 'larger', of: ({ emergency }) => emergency?.soakMinutes, say: sayMinutes },
  {
    field: 'emergency.approval',
    stricter: 'larger',
    of: ({ emergency }) => (emergency?.changeApproval === null ? 0 : emergency?.changeApproval?.persons),
    say: personsInWords,
  },
];

/** Every field in which a layer is looser than what it extends; empty when it only tightens. */
export function loosenings(above: PolicyLayer, layer: PolicyLayer): Loosening[] {
  const numbers = comparedFields.flatMap(({ field, stricter, of, say }) => {
    const [wanted, bound] = [of(layer), of(above)];
    if (wanted === undefined || bound === undefined) return [];
    const looser = stricter === 'larger' ? wanted < bound : wanted > bound;
    if (!looser) return [];
    return [{ field, because: `${say(wanted)} is looser than ${say(bound)} in ${above.name}, which it extends` }];
  });
  return [
    ...numbers,
    ...looserBudget(above, layer),
    ...looserWindows(above, layer),
    ...looserApproval(above, layer),
    ...looserAllow(above, layer),
  ];
}

/** Puts a layer over what it extends, after `loosenings` found nothing. */
export function layOver(above: PolicyLayer, layer: PolicyLayer): PolicyLayer {
  return {
    ...above,
    ...stated(layer),
    gate: { ...above.gate, ...stated(layer.gate ?? {}) },
    snapshot: { ...above.snapshot, ...stated(layer.snapshot ?? {}) },
    emergency: above.emergency || layer.emergency ? { ...above.emergency, ...stated(layer.emergency ?? {}) } : null,
    block: [...(above.block ?? []), ...(layer.block ?? [])],
    exceptions: [...(above.exceptions ?? []), ...(layer.exceptions ?? [])],
    blackouts: [...(above.blackouts ?? []), ...(layer.blackouts ?? [])],
    checks: [
      ...new Map(
        [...(above.checks ?? []), ...(layer.checks ?? [])].map((each) => [describeCheck(each), each]),
      ).values(),
    ],
  };
}

/** A whole policy: what no layer states has a careful default, and without windows or approve rules nothing is done. */
export function wholePolicy(layer: PolicyLayer): Policy {
  const gate = {
    soakMinutes: 60,
    atLeastVerified: 1,
    failuresAtMost: 0,
    failurePercentAtMost: null,
    ...stated(layer.gate ?? {}),
  };
  const emergency = layer.emergency && {
    soakMinutes: gate.soakMinutes,
    windows: layer.windows ?? [],
    changeApproval: layer.changeApproval ?? null,
    ...stated(layer.emergency),
  };
  return {
    name: layer.name,
    extends: layer.extends,
    applies: layer.applies,
    mode: layer.mode ?? 'patch',
    approve: layer.approve ?? [],
    allow: layer.allow ?? [],
    block: layer.block ?? [],
    exceptions: layer.exceptions ?? [],
    rings: layer.rings ?? [
      { name: 'canary', take: { count: 1 }, segments: null, endpoints: [] },
      { name: 'early', take: { percent: 20 }, segments: null, endpoints: [] },
      { name: 'rest', take: 'rest', segments: null, endpoints: [] },
    ],
    gate,
    // A person looks at what halted, and says whether the rest goes on.
    afterHalt: layer.afterHalt ?? 'ask',
    budget: layer.budget ?? { percent: 25 },
    windows: layer.windows ?? [],
    blackouts: layer.blackouts ?? [],
    sandbox: layer.sandbox ?? { required: true },
    snapshot: { required: true, keepDays: 7, ...stated(layer.snapshot ?? {}) },
    rollback: layer.rollback ?? 'machine',
    reboot: layer.reboot ?? 'if required',
    checks: layer.checks ?? [],
    changeApproval: layer.changeApproval ?? null,
    deadlineDays: layer.deadlineDays ?? 14,
    emergency: emergency ?? null,
  };
}

/** Without the fields that are undefined, which would hide what the layer above states. */
function stated<Layer extends object>(layer: Layer): Layer {
  const copy = { ...layer };
  for (const key in copy) if (copy[key] === undefined) Reflect.deleteProperty(copy, key);
  return copy;
}
