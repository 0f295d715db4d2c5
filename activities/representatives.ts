/** Which endpoints can stand for their segment in the sandbox. */
import { personNeededFor } from '../domain/person-needed.ts';
import type { Database } from './ports/database.ts';

/** Marks who needs no person: a clone of what is broken would fail its test, whatever the patches are like. */
export async function withSoundness<Row extends { readonly endpointId: string }>(
  db: Database,
  rows: readonly Row[],
): Promise<readonly (Row & { readonly sound: boolean })[]> {
  const needy = await db.cycleEndpoint.findMany({
    where: {
      endpointId: { in: rows.map((row) => row.endpointId) },
      OR: [{ outcome: 'quarantined' }, { state: 'unknown' }],
    },
  });
  const history = await db.cycleEndpoint.findMany({
    where: { endpointId: { in: needy.map((row) => row.endpointId) } },
    include: { cycle: true },
  });
  const newestFirst = history.toSorted((a, b) => b.cycle.startedAt.getTime() - a.cycle.startedAt.getTime());
  return rows.map((row) => {
    const standings = newestFirst
      .filter(({ endpointId }) => endpointId === row.endpointId)
      .map(({ cycleId, state, outcome, reasons }) => ({ cycleId, state, outcome, at: null, because: reasons }));
    return { ...row, sound: personNeededFor(standings) === null };
  });
}
