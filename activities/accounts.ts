/** Steps 8 to 10: what is true now, what the client reads, and what to change before the next cycle. */
import { readCycleFacts } from './cycle-facts.ts';
import type { Tenants } from './ports/database.ts';
import type { SupportFeed } from './ports/feeds.ts';
import type { ReportShelf } from './ports/reports.ts';

type Ports = { readonly tenants: Tenants; readonly support: SupportFeed; readonly reports: ReportShelf };
type OfCycle = { readonly cycleId: string };

export function accountActivities(ports: Ports) {
  return {
    async auditCycle({ cycleId }: OfCycle): Promise<{ readonly because: readonly string[] }> {
      const { audit } = await readCycleFacts(ports, cycleId);
      const count = (state: string) => audit.patches.filter((patch) => patch.state === state).length;
      return {
        because: [
          `${count('installed')} patches installed, ${count('failed')} failed, ${count('pending')} pending, ${audit.drifted.length} drifted`,
        ],
      };
    },

    async writeReports({ cycleId }: OfCycle): Promise<{ readonly because: readonly string[] }> {
      const paths = await ports.reports.write(await readCycleFacts(ports, cycleId));
      return { because: paths };
    },

    async reviewCycle({ cycleId }: OfCycle): Promise<{ readonly because: readonly string[] }> {
      const { review } = await readCycleFacts(ports, cycleId);
      return {
        because: [
          `${review.suggestions.length} suggestions, ${review.endOfSupport.length} endpoints near or past their end of support`,
          ...review.suggestions.map((one) => one.suggestion),
        ],
      };
    },
  };
}
