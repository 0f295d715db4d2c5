/** How endpoints stand on record; moves them, and refuses what is not in the saga's table. */
import { type EndpointState, columnsOf, refusalOfMove, stateOf } from '../../domain/endpoints/saga.ts';
import type { StateInCycle } from '../../domain/endpoints/person-needed.ts';
import type { Transaction } from '../database.ts';
import { grouped } from '../../domain/grouped.ts';
import { RecordRefusal } from '../errors.ts';
import { iso } from '../instants.ts';

export type EndpointInCycle = { readonly cycleId: string; readonly endpointId: string };

type Columns = Omit<Parameters<Transaction['cycleEndpoint']['updateMany']>[0]['data'], 'state' | 'outcome'>;

/**
 * Moves one endpoint, and writes what goes with it. Moved again to where it stands, it stays there: an activity may run
 * twice. Throws a failure that is not retried where the table has no such way, and a retryable one when another
 * transaction moved it at the same time.
 */
export async function moveEndpoint(
  tx: Transaction,
  { cycleId, endpointId }: EndpointInCycle,
  to: EndpointState,
  data: Columns,
): Promise<void> {
  const key = { cycleId, endpointId };
  const row = await tx.cycleEndpoint.findUniqueOrThrow({ where: { cycleId_endpointId: key } });
  const refused = refusalOfMove(stateOf(row), to);
  if (refused) throw new RecordRefusal('IllegalMove', `${endpointId} in ${cycleId}: ${refused}`);
  const { state, outcome } = row;
  const moved = await tx.cycleEndpoint.updateMany({
    where: { ...key, state, outcome },
    data: { ...data, ...columnsOf(to) },
  });
  if (moved.count === 0)
    throw new Error(`${endpointId} in ${cycleId} was moved by another transaction at the same time`);
}

/** How endpoints stood in all their cycles, by their ids, the latest first. */
export async function statesOf(
  db: Pick<Transaction, 'cycleEndpoint'>,
  endpointIds: readonly string[],
): Promise<ReadonlyMap<string, readonly StateInCycle[]>> {
  const rows = await db.cycleEndpoint.findMany({
    where: { endpointId: { in: [...endpointIds] } },
    orderBy: { cycle: { startedAt: 'desc' } },
  });
  const states = rows.map((row) => ({
    endpointId: row.endpointId,
    cycleId: row.cycleId,
    state: row.state,
    outcome: row.outcome,
    released: row.releasedAt !== null,
    at: iso(row.endedAt ?? row.startedAt),
    because: row.reasons,
  }));
  return grouped(states, ({ endpointId }) => endpointId);
}
