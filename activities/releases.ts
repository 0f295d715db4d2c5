/** Which updates belong to another release of the operating system than the endpoint's. */
import type { SurveyOrder } from '../domain/cycle.ts';
import type { Inventory } from '../domain/endpoint.ts';
import { otherRelease } from '../domain/release.ts';
import type { Database } from './ports/database.ts';

/** Updates of another release than the endpoint's (rule 15), each with why: its repository's suite has moved on. */
export async function ofOtherReleases<Row extends { readonly origins: readonly string[] }>(
  db: Database,
  { cycleId }: SurveyOrder,
  endpointId: string,
  rows: readonly Row[],
): Promise<readonly { readonly row: Row; readonly because: string }[]> {
  const known = await db.inventory.findFirst({ where: { cycleId, endpointId }, orderBy: { takenAt: 'desc' } });
  const os = (known?.content as unknown as Inventory | undefined)?.os;
  if (!os) return [];
  return rows.flatMap((row) => {
    const because = otherRelease(row.origins, os);
    return because ? [{ row, because }] : [];
  });
}
