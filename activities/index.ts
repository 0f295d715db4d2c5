/** Everything workflows can have done, made from the ports that do it. Workflows import the types alone. */
import { accountActivities } from './accounts.ts';
import { admissionActivities } from './admissions.ts';
import { advisoryActivities } from './advisories.ts';
import { agentActivities } from './agents.ts';
import { catchUpActivities } from './catch-ups.ts';
import { changeRecordActivities } from './change-records.ts';
import { cycleActivities } from './cycles.ts';
import { discoveryActivities } from './discovery.ts';
import { endpointRollBackActivities } from './endpoint-roll-backs.ts';
import { endpointActivities } from './endpoints.ts';
import { enrolmentActivities } from './enrolment.ts';
import { translated } from './failures.ts';
import { gateActivities } from './gates.ts';
import { beating } from './heartbeat.ts';
import { installPlanActivities } from './install-plans.ts';
import { leftWorkActivities } from './left-work.ts';
import { machineActivities } from './machines.ts';
import { networkActivities } from './networks.ts';
import { haltActivities } from './halts.ts';
import { orderActivities } from './orders.ts';
import { patchSetActivities } from './patch-sets.ts';
import { reconciliationActivities } from './reconciliation.ts';
import { snapshotLifeActivities } from './snapshot-life.ts';
import { snapshotShelfActivities } from './snapshot-shelf.ts';
import { rollBackAdmissionActivities } from './roll-back-admissions.ts';
import { rollBackActivities } from './roll-backs.ts';
import { sandboxTestActivities } from './sandbox-tests.ts';
import { skipActivities } from './skips.ts';
import { successorActivities } from './successors.ts';
import type { AgentPort } from './ports/agent.ts';
import type { AuthorityPort } from './ports/authority.ts';
import type { Tenants } from './ports/database.ts';
import type { KevFeed, SupportFeed } from './ports/feeds.ts';
import type { NetworkPort } from './ports/network.ts';
import type { ReportShelf } from './ports/reports.ts';
import type { SandboxPort } from './ports/sandboxes.ts';
import type { SnapshotPort } from './ports/snapshots.ts';
import type { WorkflowsPort } from './ports/workflows.ts';

export type ControlPorts = {
  readonly tenants: Tenants;
  readonly authority: AuthorityPort;
  readonly kev: KevFeed;
  readonly support: SupportFeed;
  readonly reports: ReportShelf;
  /** On how many endpoints a patch has to fail until it stops for everyone; absent: domain/breaker.ts says. */
  readonly breakerEndpoints?: number;
  readonly workflows: WorkflowsPort;
};

export type SitePorts = {
  readonly agents: AgentPort;
  readonly networks: NetworkPort;
  readonly snapshots: SnapshotPort;
  readonly sandboxes: SandboxPort;
};

/** What needs the database: run by the control worker. */
export function controlActivities(ports: ControlPorts) {
  return translated({
    ...cycleActivities(ports),
    ...orderActivities(ports),
    ...haltActivities(ports),
    ...skipActivities(ports),
    ...rollBackActivities(ports),
    ...rollBackAdmissionActivities(ports),
    ...discoveryActivities(ports),
    ...patchSetActivities(ports),
    ...advisoryActivities(ports),
    ...installPlanActivities(ports),
    ...sandboxTestActivities(ports),
    ...changeRecordActivities(ports),
    ...successorActivities(ports),
    ...admissionActivities(ports),
    ...gateActivities(ports),
    ...catchUpActivities(ports),
    ...endpointActivities(ports),
    ...endpointRollBackActivities(ports),
    ...accountActivities(ports),
    ...enrolmentActivities(ports),
    ...reconciliationActivities(ports),
    ...leftWorkActivities(ports),
    ...snapshotLifeActivities(ports),
  });
}

/** What needs the client's network: run by the site's worker, which has no database. */
export function siteActivities(ports: SitePorts) {
  return translated(
    beating({
      ...agentActivities(ports.agents),
      ...networkActivities(ports.networks),
      ...machineActivities(ports),
      ...snapshotShelfActivities(ports),
    }),
  );
}

export type ControlActivities = ReturnType<typeof controlActivities>;
export type SiteActivities = ReturnType<typeof siteActivities>;
