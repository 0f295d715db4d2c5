/** What is recorded of cycles. */
import { fileURLToPath } from 'node:url';
import { supportFiles } from '../activities/adapters/feeds/files.ts';
import { readCycleFacts } from '../record/facts/cycle.ts';
import type { Tenants } from '../record/database.ts';
import type { CycleFacts } from '../domain/reports/cycle-facts.ts';
import { unknownCycle } from './errors.ts';
import { clientIdOf } from '../domain/ids.ts';
import { writeFiles } from '../system/whole-files.ts';

const dataFolder = fileURLToPath(new URL('../data', import.meta.url));

/**
 * Everything that is recorded of a cycle.
 * @throws InvalidRequest when there is none of that id
 */
export async function readFacts({ tenants }: { readonly tenants: Tenants }, cycleId: string): Promise<CycleFacts> {
  const clientId = cycleId.includes('/') ? clientIdOf(cycleId) : '';
  const cycle = await tenants.forClient(clientId).cycle.findUnique({ where: { id: cycleId } });
  if (!cycle) throw unknownCycle(cycleId);
  return readCycleFacts({ tenants, support: supportFiles(dataFolder) }, cycleId);
}

/**
 * Writes a cycle's report as it stands now into a folder; the paths of its files.
 * @param made what the report is made of, by the names of its files
 * @throws InvalidRequest when there is no cycle of that id
 */
export async function writeReport(
  connections: { readonly tenants: Tenants },
  { cycleId, folder }: { readonly cycleId: string; readonly folder: string },
  made: (facts: CycleFacts) => readonly { readonly name: string; readonly content: string }[],
): Promise<readonly string[]> {
  return writeFiles(folder, made(await readFacts(connections, cycleId)));
}

export type CycleOnRecord = {
  readonly cycleId: string;
  readonly kind: string;
  readonly state: string;
  readonly startedAt: string;
  /** Null while it runs. */
  readonly endedAt: string | null;
  readonly startedBy: string;
};

/** A client's cycles, the newest first. */
export async function cyclesOf(
  { tenants }: { readonly tenants: Tenants },
  clientId: string,
): Promise<readonly CycleOnRecord[]> {
  const rows = await tenants.forClient(clientId).cycle.findMany({ orderBy: { startedAt: 'desc' } });
  return rows.map(({ id, kind, state, startedAt, endedAt, startedBy }) => ({
    cycleId: id,
    kind,
    state,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    startedBy,
  }));
}
