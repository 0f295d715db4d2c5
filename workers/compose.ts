/**
 * The composition root: configuration to ports to activities. The only place that names which adapter provides what.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { httpsAgents } from '../activities/adapters/agents/https.ts';
import { openAuthority } from '../activities/adapters/certificates/authority.ts';
import { kevFiles, supportFiles } from '../activities/adapters/feeds/files.ts';
import { simulatedNetwork } from '../activities/adapters/networks/simulated.ts';
import { simulatedSandboxes } from '../activities/adapters/sandboxes/simulated.ts';
import { simulatedSnapshots } from '../activities/adapters/snapshots/simulated.ts';
import { type ControlPorts, type SitePorts, controlActivities, siteActivities } from '../activities/index.ts';
import { fleetDirectory } from '../fleets/simulated/client.ts';
import type { ControlConfig, SiteConfig } from './config.ts';
import { type EnrolmentService, enrolThrough } from './enrolment-service.ts';
import { labPorts } from './lab-ports.ts';
import { reportFolder } from './report-files.ts';
import { workflowStatuses } from './workflow-status.ts';
import { openDatabase, tenantsOf } from '../record/database.ts';

const dataFolder = fileURLToPath(new URL('../data', import.meta.url));
const catalogue = join(dataFolder, 'kev', 'known_exploited_vulnerabilities.json');

export async function composeControl(config: ControlConfig, client: Client) {
  const database = openDatabase(config.DATABASE_URL);
  const ports: ControlPorts = {
    tenants: tenantsOf(database),
    authority: await openAuthority(config.PATCHCYCLE_AUTHORITY),
    kev: kevFiles([catalogue, ...config.PATCHCYCLE_KEV_FILES]),
    support: supportFiles(dataFolder),
    reports: reportFolder(config.PATCHCYCLE_REPORTS),
    breakerEndpoints: config.PATCHCYCLE_BREAKER_ENDPOINTS,
    workflows: workflowStatuses(client),
  };
  return { activities: controlActivities(ports), ports, close: () => database.$disconnect() };
}

export async function composeSite(config: SiteConfig, client: Client) {
  const pem = (name: string) => readFile(join(config.PATCHCYCLE_IDENTITY, name), 'utf8');
  const agents = httpsAgents({
    key: await pem('key.pem'),
    certificate: await pem('certificate.pem'),
    authority: await pem('authority.pem'),
  });
  const enrolment: EnrolmentService = {
    ...config.PATCHCYCLE_ENROLMENT,
    key: await pem('enrolment-key.pem'),
    certificate: await pem('enrolment-certificate.pem'),
    enrol: enrolThrough(client, config.PATCHCYCLE_SITE),
  };
  return { activities: siteActivities({ agents, ...machinePorts(config) }), enrolment };
}

function machinePorts({ PATCHCYCLE_FLEET: fleet }: SiteConfig): Omit<SitePorts, 'agents'> {
  if (fleet.kind === 'lab') return labPorts(fleet.directory);
  const { socket } = fleetDirectory(fleet.directory);
  return {
    networks: simulatedNetwork(socket),
    snapshots: simulatedSnapshots(socket),
    sandboxes: simulatedSandboxes(socket),
  };
}
