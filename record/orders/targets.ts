/** What an order of a person is about, as rows: the part it names, and who is in it. */
import { stateInWords } from '../../domain/endpoints/saga.ts';
import type { ChangeRecordContent } from '../../domain/patches/change-record.ts';
import { type NamedTarget, type Target, isPatch, partNamed } from '../../domain/rollout/halt.ts';
import type { Policy } from '../../domain/policies/policy.ts';
import type { Transaction } from '../database.ts';
import { idIn, nameIn } from '../../domain/ids.ts';
import { wherePlanned, patchOfRow } from '../endpoints/plans.ts';
import { targetUnknown } from '../errors.ts';

/** An operator reads the first few names of those there are. */
const namesShownAtMost = 20;

type Cycle = { id: string; clientId: string; policy: unknown; policyVersion: { name: string } };

/** Finds the part of a cycle that is named. Refused in a sentence when there is none of that name. */
export async function targetOf(
  db: Transaction,
  { cycleId, clientId }: { cycleId: string; clientId: string },
  named: NamedTarget,
): Promise<Target> {
  const part = partNamed(named);
  if (part === null) return { scope: 'cycle', subject: cycleId };
  if ('refused' in part) throw targetUnknown(part.refused);
  const { scope, name } = part;
  const cycle = await db.cycle.findUnique({ where: { id: cycleId }, include: { policyVersion: true } });
  if (!cycle) throw targetUnknown(`${cycleId} has not begun: order the whole cycle, or wait a moment`);
  const known = await namesOf(db, cycle, scope);
  const isKnown = scope === 'patch' ? known.some((patch) => isPatch(name, patch)) : known.includes(name);
  if (!isKnown) throw targetUnknown(`${cycleId} has no ${scope} ${name}; ${listedNames(known)}`);
  return { scope, subject: scope === 'site' || scope === 'endpoint' ? idIn(clientId, name) : name };
}

async function namesOf(db: Transaction, cycle: Cycle, scope: Exclude<Target['scope'], 'cycle'>): Promise<string[]> {
  const cycleId = cycle.id;
  if (scope === 'ring') return ringNames(db, cycle);
  if (scope === 'patch') {
    const patches = await db.cyclePatch.findMany({ where: { cycleId, ...wherePlanned } });
    return [...new Set(patches.map((patch) => patchOfRow(patch)))].toSorted();
  }
  const members = await db.cycleEndpoint.findMany({ where: { cycleId, policyName: cycle.policyVersion.name } });
  const ids = members.map((member) => (scope === 'site' ? member.siteId : member.endpointId));
  return [...new Set(ids.map(nameIn))].toSorted();
}

/** Rings as the newest change record draws them; before there is one, as the policy names them. */
export async function ringNames(db: Transaction, cycle: Pick<Cycle, 'id' | 'policy'>): Promise<string[]> {
  const records = await db.changeRecord.findMany({ where: { cycleId: cycle.id }, orderBy: { writtenAt: 'asc' } });
  if (records.length === 0) return (cycle.policy as Policy).rings.map((ring) => ring.name);
  const drawn = records.flatMap((record) => (record.content as unknown as ChangeRecordContent).rings);
  return [...new Set(drawn.map(({ ring }) => ring))];
}

/** The rows of a cycle's own endpoints that are in a target. */
export function membersIn(cycle: { id: string; policyVersion: { name: string } }, { scope, subject }: Target) {
  const own = { cycleId: cycle.id, policyName: cycle.policyVersion.name };
  if (scope === 'cycle') return own;
  if (scope === 'ring') return { ...own, ring: subject };
  if (scope === 'site') return { ...own, siteId: subject };
  if (scope === 'endpoint') return { ...own, endpointId: subject };
  const [name = subject, version] = subject.split('=');
  const patch = { package: name, ...(version === undefined ? {} : { toVersion: version }), ...wherePlanned };
  return { ...own, patches: { some: patch } };
}

function listedNames(names: readonly string[]): string {
  if (names.length === 0) return 'it has none yet';
  const more = names.length - namesShownAtMost;
  return `it has ${names.slice(0, namesShownAtMost).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** How the members of a part stand, in counts: `2 patched, 1 in flight`. */
export function statesInWords(members: readonly { readonly state: string; readonly outcome: string | null }[]): string {
  const counts = new Map<string, number>();
  for (const { state, outcome } of members) {
    const words = stateInWords(outcome ?? state);
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  return [...counts].map(([words, count]) => `${count} ${words}`).join(', ') || 'no endpoint is in it';
}
