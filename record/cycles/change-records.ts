/** Change records as they are read. */
import type { Transaction } from '../database.ts';

/** The record that rings carry out now: the newest that is not a straggler's own. */
export async function mainRecord(db: Transaction, cycleId: string) {
  const records = await db.changeRecord.findMany({
    where: { cycleId },
    include: { approvals: true },
    orderBy: { writtenAt: 'desc' },
  });
  return records.find((record) => !record.id.startsWith(`${cycleId}/record-late-`)) ?? null;
}
