/** Everything workflows can have done, made from the ports that do it. Workflows import the types alone. */
import { reportActivities } from './control/report.ts';
import { admissionActivities } from './control/admission.ts';
import { advisoryActivities } from './control/advisories.ts';
import { agentActivities } from './site/agents.ts';
import { catchUpActivities } from './control/catch-up.ts';
import { changeRecordActivities } from './control/change-record.ts';
import { categorizationActivities } from './control/categorization.ts';
import { cycleEndActivities } from './control/cycle-end.ts';
import { cycleActivities } from './control/cycle.ts';
import { discoveryActivities } from './control/discovery.ts';
import { endpointRollbackActivities } from './control/rollback-endpoint.ts';
import { endpointActivities } from './control/endpoint.ts';
import { enrolmentActivities } from './control/enrolment.ts';
import { translated } from './failures.ts';
import { gateActivities } from './control/gate.ts';
import { beating } from './heartbeat.ts';
import { installPlanActivities } from './control/planning.ts';
import { orphanedWorkActivities } from './control/orphaned-work.ts';
import { machineActivities } from './site/machines.ts';
import { networkActivities } from './site/networks.ts';
import { permitActivities } from './control/permits.ts';
import { orderActivities } from './control/orders.ts';
import { patchSetActivities } from './control/monitoring.ts';
import { reconciliationActivities } from './control/reconciliation.ts';
import { retentionActivities } from './control/snapshots.ts';
import { snapshotActivities } from './site/snapshots.ts';
import { rollbackAdmissionActivities } from './control/rollback-admission.ts';
import { rollbackActivities } from './control/rollback-order.ts';
import { sandboxTestActivities } from './control/testing.ts';
import type { AgentPort } from './ports/agent.ts';
import type { AuthorityPort } from './ports/authority.ts';
import type { Tenants } from '../record/database.ts';
import type { KevFeed, SupportFeed } from './ports/feeds.ts';
import type { NetworkPort } from './ports/network.ts';
import type { ReportStore } from './ports/reports.ts';
import type { SandboxPort } from './ports/sandboxes.ts';
import type { SnapshotPort } from './ports/snapshots.ts';
import type { WorkflowsPort } from './ports/workflows.ts';

export type ControlPorts = {
  readonly tenants: Tenants;
  readonly authority: AuthorityPort;
  readonly kev: KevFeed;
  readonly support: SupportFeed;
  readonly reports: ReportStore;
  /** On how many endpoints a patch has to fail until it stops for everyone; absent: domain/patches/breaker.ts says. */
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
    ...cycleEndActivities(ports),
    ...orderActivities(ports),
    ...permitActivities(ports),
    ...rollbackActivities(ports),
    ...rollbackAdmissionActivities(ports),
    ...discoveryActivities(ports),
    ...categorizationActivities(ports),
    ...patchSetActivities(ports),
    ...advisoryActivities(ports),
    ...installPlanActivities(ports),
    ...sandboxTestActivities(ports),
    ...changeRecordActivities(ports),
    ...admissionActivities(ports),
    ...gateActivities(ports),
    ...catchUpActivities(ports),
    ...endpointActivities(ports),
    ...endpointRollbackActivities(ports),
    ...reportActivities(ports),
    ...enrolmentActivities(ports),
    ...reconciliationActivities(ports),
    ...orphanedWorkActivities(ports),
    ...retentionActivities(ports),
  });
}

/** What needs the client's network: run by the site's worker, which has no database. */
export function siteActivities(ports: SitePorts) {
  return translated(
    beating({
      ...agentActivities(ports.agents),
      ...networkActivities(ports.networks),
      ...machineActivities(ports),
      ...snapshotActivities(ports),
    }),
  );
}

export type ControlActivities = ReturnType<typeof controlActivities>;
export type SiteActivities = ReturnType<typeof siteActivities>;
