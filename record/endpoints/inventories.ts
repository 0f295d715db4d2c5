/** What was seen of endpoints. */
import type { Inventory } from '../../domain/endpoints/endpoint.ts';
import type { Database } from '../database.ts';

/** The newest inventory of each endpoint of the cycle: a silent one is judged by its last. */
export async function newestInventories(db: Database, cycleId: string): Promise<Map<string, Inventory>> {
  const rows = await db.inventory.findMany({
    where: {
      endpoint: { inCycles: { some: { cycleId } } },
      OR: [{ cycleId }, { endpoint: { inCycles: { some: { cycleId, online: false } } } }],
    },
    orderBy: [{ endpointId: 'asc' }, { takenAt: 'desc' }],
    distinct: ['endpointId'],
  });
  return new Map(rows.map((row) => [row.endpointId, row.content as unknown as Inventory]));
}
