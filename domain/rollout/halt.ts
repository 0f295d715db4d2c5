/**
 * What an order of a person is about, and what a halt covers (rule 13: docs/rules.md#rule-13). A halt is in force from
 * the moment it is on record until a person releases that very halt: others, narrower or wider, come and go beside it.
 */

/** What an order may be about: all of a cycle, or a part of it. */
export type Scope = 'cycle' | 'ring' | 'site' | 'endpoint' | 'patch';

/**
 * `subject`: the id of the cycle, site or endpoint, the name of the ring, or the patch as `openssl` or
 * `openssl=3.0.11-1`.
 */
export type Target = { readonly scope: Scope; readonly subject: string };

/** The parts of a cycle that an order may name. */
export const partScopes = ['ring', 'site', 'endpoint', 'patch'] as const;

/** A part of a cycle as a person names it, one at most; none is the whole cycle. */
export type NamedTarget = {
  readonly ring?: string;
  readonly site?: string;
  readonly endpoint?: string;
  readonly patch?: string;
};

export type Halt = Target & {
  /** Null: every cycle of the client. */
  readonly cycleId: string | null;
  readonly orderedBy: string;
  readonly reason: string;
  readonly orderedAt: string;
  /** Null while it is in force. */
  readonly releasedAt: string | null;
};

/** What is about to be done, where, and for which patches (`openssl=3.0.11-1`). Null: it is in none. */
export type PlannedEffect = {
  readonly cycleId: string;
  readonly ring: string | null;
  readonly siteId: string | null;
  readonly endpointId: string | null;
  readonly patches: readonly string[];
};

export type RingHalt = {
  readonly because: readonly string[];
  /** When the oldest of the halts has waited as long as one may for a person. */
  readonly untilAt: string;
};

const dayMilliseconds = 24 * 60 * 60 * 1000;

/** The part that was named, and its name; null for the whole cycle. Two parts at once are refused in a sentence. */
export function partNamed(
  named: NamedTarget,
): { readonly scope: Exclude<Scope, 'cycle'>; readonly name: string } | { readonly refused: string } | null {
  const parts = partScopes.flatMap((scope) => {
    const name: unknown = named[scope];
    // Somebody may have typed the order into Temporal's UI: `null`, a number.
    return name === undefined ? [] : [{ scope, name: typeof name === 'string' ? name.trim() : '' }];
  });
  const [part, ...others] = parts;
  if (!part) return null;
  if (others.length > 0)
    return { refused: `an order is about one part of a cycle, not ${parts.map(({ scope }) => scope).join(' and ')}` };
  return part.name === '' ? { refused: `say which ${part.scope}` } : part;
}

/** Who halted what is about to be done and why, the oldest halt first; null when nothing covers it. */
export function haltFor(halts: readonly Halt[], effect: PlannedEffect): { readonly because: readonly string[] } | null {
  const covering = halts.filter((halt) => halt.releasedAt === null && covers(halt, effect));
  return covering.length === 0 ? null : { because: oldestFirst(covering).map(haltInWords) };
}

/**
 * What holds a whole ring, or the cycle between its rings, until a person resumes it, and for how long one may. Halts
 * of a site or of an endpoint hold no others: the ring continues, and those that are halted are caught up.
 */
export function ringHaltFor(
  halts: readonly Halt[],
  waiting: { readonly cycleId: string; readonly ring: string | null; readonly patches: readonly string[] },
  heldGateDays: number,
): RingHalt | null {
  const effect = { ...waiting, siteId: null, endpointId: null };
  const holding = oldestFirst(halts.filter((halt) => halt.releasedAt === null && covers(halt, effect)));
  const [oldest] = holding;
  if (!oldest) return null;
  const untilAt = new Date(Date.parse(oldest.orderedAt) + heldGateDays * dayMilliseconds).toISOString();
  return { because: holding.map(haltInWords), untilAt };
}

/** The halt in force on exactly this target; one on a part of it, or on more than it, is another. */
export function haltOn(halts: readonly Halt[], cycleId: string, target: Target): Halt | null {
  const found = halts.find(
    (halt) =>
      halt.releasedAt === null &&
      halt.cycleId === cycleId &&
      halt.scope === target.scope &&
      halt.subject === target.subject,
  );
  return found ?? null;
}

/** A target as operators say it: `the cycle`, `ring early`, `endpoint web-1`. */
export function targetInWords({ scope, subject }: Target): string {
  if (scope === 'cycle') return 'the cycle';
  const name = scope === 'site' || scope === 'endpoint' ? subject.slice(0, subject.lastIndexOf('.')) : subject;
  return `${scope} ${name}`;
}

export function haltInWords(halt: Pick<Halt, 'scope' | 'subject' | 'orderedBy' | 'reason'>): string {
  const said = `halted by ${halt.orderedBy}: ${halt.reason}`;
  return halt.scope === 'cycle' ? said : `${targetInWords(halt)} ${said}`;
}

/** Whether a patch, as `openssl=3.0.11-1`, is the one that is named, with its version or without. */
export function isPatch(named: string, patch: string): boolean {
  return named.includes('=') ? named === patch : patch.startsWith(`${named}=`);
}

function covers(halt: Halt, effect: PlannedEffect): boolean {
  if (halt.cycleId !== null && halt.cycleId !== effect.cycleId) return false;
  if (halt.scope === 'cycle') return true;
  if (halt.scope === 'ring') return halt.subject === effect.ring;
  if (halt.scope === 'site') return halt.subject === effect.siteId;
  if (halt.scope === 'endpoint') return halt.subject === effect.endpointId;
  return effect.patches.some((patch) => isPatch(halt.subject, patch));
}

function oldestFirst(halts: readonly Halt[]): readonly Halt[] {
  return halts.toSorted((a, b) => Date.parse(a.orderedAt) - Date.parse(b.orderedAt));
}
