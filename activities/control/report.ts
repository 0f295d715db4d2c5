/** Steps 8 to 10: what is true now, what the client reads, and what to change before the next cycle. */
import { readCycleFacts } from '../../record/facts/cycle.ts';
import type { Tenants } from '../../record/database.ts';
import type { SupportFeed } from '../ports/feeds.ts';
import type { ReportStore } from '../ports/reports.ts';
import { bound } from '../bound.ts';

type Ports = { readonly tenants: Tenants; readonly support: SupportFeed; readonly reports: ReportStore };
type CycleReference = { readonly cycleId: string };

export function reportActivities(ports: Ports) {
  return bound(ports, {
    auditCycle,
    writeReports,
    reviewCycle,
  });
}

async function auditCycle(ports: Ports, { cycleId }: CycleReference): Promise<{ readonly because: readonly string[] }> {
  const { audit } = await readCycleFacts(ports, cycleId);
  const count = (state: string) => audit.patches.filter((patch) => patch.state === state).length;
  return {
    because: [
      `${count('installed')} patches installed, ${count('failed')} failed, ${count('pending')} pending, ${audit.drifted.length} drifted`,
    ],
  };
}

async function writeReports(
  ports: Ports,
  { cycleId }: CycleReference,
): Promise<{ readonly because: readonly string[] }> {
  const paths = await ports.reports.write(await readCycleFacts(ports, cycleId));
  return { because: paths };
}

async function reviewCycle(
  ports: Ports,
  { cycleId }: CycleReference,
): Promise<{ readonly because: readonly string[] }> {
  const { review } = await readCycleFacts(ports, cycleId);
  return {
    because: [
      `${review.suggestions.length} suggestions, ${review.endOfSupport.length} endpoints near or past their end of support`,
      ...review.suggestions.map((one) => one.suggestion),
    ],
  };
}
