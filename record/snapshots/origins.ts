/** What is recorded of snapshots, with everything their life depends on; and which names cycles have given. */
import { segmentInWords } from '../../domain/policies/segments.ts';
import type { CycleState } from '../../domain/rollout/cycle.ts';
import type { SandboxOrigin } from '../../domain/snapshots/leaks.ts';
import type { Policy } from '../../domain/policies/policy.ts';
import type { RecordedSnapshot } from '../../domain/snapshots/retention.ts';
import type { ChangeRecordContent } from '../../domain/patches/change-record.ts';
import type { Database } from '../database.ts';
import type { WorkflowStatus } from '../../domain/rollout/reconciliation.ts';
import type { EndpointOutcome } from '../../domain/endpoints/saga.ts';
import { idIn, sandboxWorkflowId } from '../../domain/ids.ts';
import { sandboxNameOf, snapshotNameOf } from '../names.ts';
import { grouped } from '../../domain/grouped.ts';
import { iso } from '../instants.ts';

/** No work is under way on an endpoint in these, and it is known what is true of it. */
const restingStates = ['planned', 'waiting', 'ended'];
/** More attempts at one endpoint, or tests of one segment, than any cycle makes. */
const attemptsAtMost = 10;

type Reader = Pick<Database, 'snapshotRecord' | 'cycleEndpoint' | 'cycle'>;

/**
 * Every snapshot on record of these endpoints, the deleted ones too.
 * @param endpointIds null for those of the whole client that are not deleted
 */
export async function recordedSnapshots(
  db: Reader,
  endpointIds: readonly string[] | null,
): Promise<readonly RecordedSnapshot[]> {
  const where = endpointIds === null ? { deletedAt: null } : { endpointId: { in: [...endpointIds] } };
  const records = await db.snapshotRecord.findMany({ where, orderBy: [{ endpointId: 'asc' }, { takenAt: 'asc' }] });
  const byEndpoint = await rowsByEndpoint(db, records);
  const cycleIds = [...new Set(records.map((record) => record.cycleId))];
  const cycles = await db.cycle.findMany({
    where: { id: { in: cycleIds } },
    select: { id: true, state: true, policy: true },
  });
  const cycleOf = new Map(cycles.map((cycle) => [cycle.id, cycle]));
  return records.flatMap((record) => {
    const cycle = cycleOf.get(record.cycleId);
    if (!cycle) return [];
    const rows = byEndpoint.get(record.endpointId) ?? [];
    const own = rows.find((row) => row.cycleId === record.cycleId) ?? null;
    return [
      {
        snapshotId: record.id,
        endpointId: record.endpointId,
        cycleId: record.cycleId,
        takenAt: iso(record.takenAt),
        deletionOrderedAt: iso(record.deletionOrderedAt),
        deletedAt: iso(record.deletedAt),
        missingSinceAt: iso(record.missingSinceAt),
        endpointState: own?.state ?? null,
        outcome: own && outcomeThatCounts(own),
        attemptGivenUp: own !== null && wasGivenUp(own, record.id),
        endpointEndedAt: iso(own?.endedAt),
        cycleState: cycle.state as CycleState,
        keepDays: (cycle.policy as unknown as Policy).snapshot.keepDays,
        keepUntilAt: iso(record.keepUntilAt),
        endpointIs: obstacleOf(rows),
        provenSinceAt: provenSince(rows, own?.endedAt ?? null),
      },
    ];
  });
}

type Row = Awaited<ReturnType<typeof rowsOf>>[number];

async function rowsByEndpoint(
  db: Reader,
  records: readonly { readonly endpointId: string; readonly cycleId: string }[],
): Promise<ReadonlyMap<string, readonly Row[]>> {
  return grouped(await rowsOf(db, records), (row) => row.endpointId);
}

function rowsOf(db: Reader, records: readonly { readonly endpointId: string; readonly cycleId: string }[]) {
  return db.cycleEndpoint.findMany({
    where: {
      endpointId: { in: [...new Set(records.map((record) => record.endpointId))] },
      OR: [
        { cycleId: { in: [...new Set(records.map((record) => record.cycleId))] } },
        { state: { notIn: restingStates } },
        { outcome: { in: ['patched', 'rolled_back', 'quarantined'] } },
      ],
    },
    select: {
      cycleId: true,
      endpointId: true,
      state: true,
      outcome: true,
      earlierOutcome: true,
      snapshotId: true,
      endedAt: true,
    },
  });
}

/** Nothing was installed under the successor of a record: what was installed under the record itself still is. */
function outcomeThatCounts({ outcome, earlierOutcome }: Row): EndpointOutcome | null {
  const installed = outcome === null || ['patched', 'rolled_back', 'quarantined'].includes(outcome);
  return (installed ? outcome : (earlierOutcome ?? outcome)) as EndpointOutcome | null;
}

/** An endpoint that is worked on, or has ended, names the snapshot it can go back to. */
function wasGivenUp({ state, snapshotId, earlierOutcome }: Row, id: string): boolean {
  return restingStates.includes(state) && snapshotId !== id && earlierOutcome === null;
}

function obstacleOf(rows: readonly Row[]): RecordedSnapshot['endpointIs'] {
  if (rows.some((row) => !restingStates.includes(row.state))) return 'under way';
  const [newest] = rows
    .filter((row) => row.outcome !== null && ['patched', 'rolled_back', 'quarantined'].includes(row.outcome))
    .toSorted((one, other) => (other.endedAt?.getTime() ?? 0) - (one.endedAt?.getTime() ?? 0));
  return newest?.outcome === 'quarantined' ? 'quarantined' : null;
}

function provenSince(rows: readonly Row[], endedAt: Date | null): string | null {
  if (endedAt === null) return null;
  const [first] = rows
    .flatMap((row) => (row.outcome === 'patched' && row.endedAt && row.endedAt > endedAt ? [row.endedAt] : []))
    .toSorted((one, other) => one.getTime() - other.getTime());
  return iso(first);
}

/** The names that ended cycles gave snapshots of these endpoints, each with its cycle. */
export async function snapshotOrigins(
  db: Database,
  endpointIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await db.cycleEndpoint.findMany({
    where: { endpointId: { in: [...endpointIds] }, generation: { not: null }, cycle: { state: { not: 'running' } } },
    select: { cycleId: true, endpointId: true, generation: true },
  });
  const cycleIds = [...new Set(rows.map((row) => row.cycleId))];
  const records = await db.changeRecord.findMany({ where: { cycleId: { in: cycleIds } } });
  const named = records.flatMap((record) =>
    (record.content as unknown as ChangeRecordContent).rings
      .flatMap((ring) => ring.endpoints)
      .map(({ endpointId, planDigest }) => ({ cycleId: record.cycleId, endpointId, planDigest })),
  );
  return new Map(
    rows.flatMap(({ cycleId, endpointId, generation }) =>
      named
        .filter((each) => each.cycleId === cycleId && each.endpointId === endpointId)
        .flatMap(({ planDigest }) =>
          upTo(attemptsAtMost).map((attempt): [string, string] => [
            snapshotNameOf({ cycleId, endpointId, planDigest, generation: generation ?? 1, attempt }),
            cycleId,
          ]),
        ),
    ),
  );
}

/** The clones that a client's cycles may have made, of those that exist, and whether their tests run. */
export async function sandboxOrigins(
  db: Database,
  workflows: { status(workflowId: string): Promise<WorkflowStatus> },
  clientId: string,
  found: readonly string[],
): Promise<ReadonlyMap<string, SandboxOrigin>> {
  const wanted = new Set(found);
  const segments = await db.cycleEndpoint.groupBy({ by: ['cycleId', 'segment'] });
  const made = segments.flatMap(({ cycleId, segment }) =>
    upTo(attemptsAtMost)
      .map((attempt) => {
        const name = sandboxNameOf({ cycleId, segment: segmentInWords(segment), attempt });
        return { sandboxId: idIn(clientId, name), cycleId };
      })
      .filter(({ sandboxId }) => wanted.has(sandboxId)),
  );
  const origins = await Promise.all(
    made.map(async ({ sandboxId, cycleId }) => {
      const { state } = await workflows.status(sandboxWorkflowId({ sandboxId }));
      return [sandboxId, { cycleId, running: state === 'running' }] as const;
    }),
  );
  return new Map(origins);
}

function upTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
