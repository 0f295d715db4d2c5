/** How long the work on endpoints is expected to take, learned from the outcomes on record. */
import {
  type DurationSample,
  type Expectation,
  type PatchSetKind,
  expectDuration,
  kindOf,
  unplannedExpectation,
} from '../../domain/rollout/expected-duration.ts';
import type { Policy } from '../../domain/policies/policy.ts';
import { toJson } from '../audit.ts';
import type { Database, Transaction } from '../database.ts';
import { wherePlanned } from '../endpoints/plans.ts';

/** Enough for any estimate of a kind, and of endpoints of their own. */
const recentAtMost = 1000;
const ownAtMost = 4000;

type Row = { readonly endpointId: string; readonly online: boolean; readonly expectation: unknown };

/**
 * What is expected of each endpoint of a cycle. It is learned when an endpoint is first asked for and kept with it, so
 * that the reasons stay those it was decided by; nothing is kept of one that has no plan yet.
 */
export async function expectationsOf(
  db: Transaction,
  { cycleId, policy, rows }: { cycleId: string; policy: Policy; rows: readonly Row[] },
): Promise<ReadonlyMap<string, Expectation>> {
  const known = new Map(
    rows.flatMap((row) => (row.expectation ? [[row.endpointId, row.expectation as Expectation] as const] : [])),
  );
  const planned = rows.filter((row) => row.online && !known.has(row.endpointId)).map((row) => row.endpointId);
  for (const [endpointId, expectation] of await learn(db, cycleId, policy, planned)) {
    known.set(endpointId, expectation);
    await db.cycleEndpoint.update({
      where: { cycleId_endpointId: { cycleId, endpointId } },
      data: { patchSetKind: expectation.kind, expectation: toJson(expectation) },
    });
  }
  return new Map(rows.map((row) => [row.endpointId, known.get(row.endpointId) ?? unplannedExpectation]));
}

async function learn(
  db: Transaction,
  cycleId: string,
  policy: Policy,
  endpointIds: readonly string[],
): Promise<ReadonlyMap<string, Expectation>> {
  if (endpointIds.length === 0) return new Map();
  const patches = await db.cyclePatch.findMany({
    where: { cycleId, endpointId: { in: [...endpointIds] }, ...wherePlanned },
    select: { endpointId: true, package: true, sizeBytes: true },
  });
  const kinds = new Map(
    endpointIds.map((endpointId) => {
      const own = patches.filter((patch) => patch.endpointId === endpointId);
      return [endpointId, kindOf({ patches: own, reboot: policy.reboot })] as const;
    }),
  );
  const samples = await samplesOf(db, [...new Set(kinds.values())], endpointIds);
  return new Map([...kinds].map(([endpointId, kind]) => [endpointId, expectDuration({ endpointId, kind, samples })]));
}

/** Proven outcomes of those kinds, the newest first: the client's last, and the endpoints' own. */
async function samplesOf(
  db: Transaction,
  kinds: readonly PatchSetKind[],
  endpointIds: readonly string[],
): Promise<readonly DurationSample[]> {
  const select = { cycleId: true, endpointId: true, patchSetKind: true, outcome: true } as const;
  const times = { startedAt: true, installFromAt: true, endedAt: true } as const;
  const read = (where: object, take: number) =>
    db.cycleEndpoint.findMany({
      where: {
        ...where,
        patchSetKind: { in: [...kinds] },
        outcome: { in: ['patched', 'rolled_back'] },
        startedAt: { not: null },
        endedAt: { not: null },
      },
      orderBy: { endedAt: 'desc' },
      take,
      select: { ...select, ...times },
    });
  const rows = [
    ...(await read({}, recentAtMost)),
    ...(await read({ endpointId: { in: [...endpointIds] } }, ownAtMost)),
  ];
  const once = new Map(rows.map((row) => [`${row.cycleId} ${row.endpointId}`, row]));
  return [...once.values()]
    .toSorted((a, b) => Number(b.endedAt) - Number(a.endedAt))
    .map((row) => ({
      endpointId: row.endpointId,
      kind: row.patchSetKind as PatchSetKind,
      outcome: row.outcome as DurationSample['outcome'],
      minutes: minutesBetween(row.startedAt, row.endedAt),
      minutesFromInstall: row.installFromAt && minutesBetween(row.installFromAt, row.endedAt),
    }));
}

function minutesBetween(from: Date | null, until: Date | null): number {
  return (Number(until) - Number(from)) / 60_000;
}

/** What was expected of one endpoint when it was admitted. */
export async function expectationOf(db: Database, cycleId: string, endpointId: string): Promise<Expectation> {
  const key = { cycleId_endpointId: { cycleId, endpointId } };
  const { expectation } = await db.cycleEndpoint.findUniqueOrThrow({ where: key });
  return (expectation as Expectation | null) ?? unplannedExpectation;
}
