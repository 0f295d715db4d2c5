/** Which endpoints can stand for their segment in the sandbox. */
import { personNeededFor } from '../domain/person-needed.ts';
import type { Database } from './ports/database.ts';
import { standingsOf } from './standings.ts';

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
  const standings = await standingsOf(
    db,
    needy.map((row) => row.endpointId),
  );
  return rows.map((row) => ({ ...row, sound: personNeededFor(standings.get(row.endpointId) ?? []) === null }));
}
