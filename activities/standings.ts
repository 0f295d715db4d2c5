/** How endpoints stand on record; moves them, and refuses what is not in the saga's table. */
import { ApplicationFailure } from '@temporalio/activity';
import { type Standing, columnsOf, refusalOfMove, standingOf } from '../domain/endpoint-saga.ts';
import type { StandingInCycle } from '../domain/person-needed.ts';
import { iso } from './cycle-rows.ts';
import type { Transaction } from './ports/database.ts';
import { grouped } from './rows.ts';

export type EndpointInCycle = { readonly cycleId: string; readonly endpointId: string };

type Columns = Omit<Parameters<Transaction['cycleEndpoint']['updateMany']>[0]['data'], 'state' | 'outcome'>;

/**
 * Moves one endpoint, and writes what goes with it. Moved again to where it stands, it stays there: an activity may run
 * twice. Throws a failure that is not retried where the table has no such way, and a retryable one when somebody else
 * moved it at the same time.
 */
export async function moveEndpoint(
  tx: Transaction,
  { cycleId, endpointId }: EndpointInCycle,
  to: Standing,
  data: Columns,
): Promise<void> {
  const key = { cycleId, endpointId };
  const row = await tx.cycleEndpoint.findUniqueOrThrow({ where: { cycleId_endpointId: key } });
  const refused = refusalOfMove(standingOf(row), to);
  if (refused) throw ApplicationFailure.nonRetryable(`${endpointId} in ${cycleId}: ${refused}`, 'IllegalMove');
  const { state, outcome } = row;
  const moved = await tx.cycleEndpoint.updateMany({
    where: { ...key, state, outcome },
    data: { ...data, ...columnsOf(to) },
  });
  if (moved.count === 0) throw new Error(`${endpointId} in ${cycleId} was moved by somebody else at the same time`);
}

/** How endpoints stood in all their cycles, by their ids, the latest first. */
export async function standingsOf(
  db: Pick<Transaction, 'cycleEndpoint'>,
  endpointIds: readonly string[],
): Promise<ReadonlyMap<string, readonly StandingInCycle[]>> {
  const rows = await db.cycleEndpoint.findMany({
    where: { endpointId: { in: [...endpointIds] } },
    orderBy: { cycle: { startedAt: 'desc' } },
  });
  const standings = rows.map((row) => ({
    endpointId: row.endpointId,
    cycleId: row.cycleId,
    state: row.state,
    outcome: row.outcome,
    released: row.releasedAt !== null,
    at: iso(row.endedAt ?? row.startedAt),
    because: row.reasons,
  }));
  return grouped(standings, ({ endpointId }) => endpointId);
}
