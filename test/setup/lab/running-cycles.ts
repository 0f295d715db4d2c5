/** What the lab's stories stand on: a whole stack over six real endpoints at two sites, and packages planted on them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpsAgents } from '../../../activities/adapters/agents/https.ts';
import type { AgentIdentity, AgentPort } from '../../../activities/ports/agent.ts';
import { labStatus } from '../../../fleets/lab/lab.ts';
import { commandInSite } from '../../../fleets/lab/passage.ts';
import { publish, repositoryPort } from '../../../fleets/lab/repository.ts';
import { agentPort } from '../../../protocol/agent.ts';
import { clientId } from '../stack/client-files.ts';
import { type AnyRunningStack, startStackOver } from '../stack/running-stack.ts';
import { type LabEndpoint, labEndpoint } from './endpoint.ts';
import { type PlantedPackage, buildPackage, webPort } from './planted-packages.ts';
import { relayFromSite } from './site-relay.ts';

export const near = 'kyoto';
const far = 'phoenix';
export const policy = 'servers';
export const nearEndpoints = ['near-1', 'near-2', 'near-3'];
export const endpointNames = [...nearEndpoints, 'far-1', 'far-2', 'far-3'];

export type RunningLabStack = AnyRunningStack & {
  readonly labDirectory: string;
  readonly endpoints: readonly LabEndpoint[];
  endpoint(name: string): LabEndpoint;
  /** Builds packages and puts them into the lab's own archive. */
  plant(...packages: readonly PlantedPackage[]): Promise<void>;
  /** Says of a CVE, in a planted catalogue, that it is exploited. */
  plantExploited(cve: string): Promise<void>;
  /** Allows these packages alone; further fields as in any policy file. */
  allow(packages: readonly string[], fields?: Readonly<Record<string, unknown>>): Promise<void>;
  /** Speaks to an endpoint's agent as its site's worker does. */
  withAgent<T>(name: string, speak: (agents: AgentPort, agent: AgentIdentity) => Promise<T>): Promise<T>;
};

export const plantedBy = 'the lab’s stories, as an exercise';

/** Brings the stack up with `first` installed on every endpoint. */
export async function startLabStack(first: readonly PlantedPackage[]): Promise<RunningLabStack> {
  const folder = await mkdtemp(join(tmpdir(), 'patchcycle-planted-'));
  const kevFile = join(folder, 'exploited.json');
  await writeKev(kevFile, []);
  const started = await startStackOver(['--fleet', 'lab', '--kev', kevFile], {
    sites: [
      { site: near, zone: 'Asia/Tokyo' },
      { site: far, zone: 'America/Phoenix' },
    ],
    endpoints: endpointNames.map((endpoint) => ({
      endpoint,
      site: endpoint.startsWith('near') ? near : far,
      role: policy,
    })),
    policies: [{ policy, ...rules([]) }],
  });
  const labDirectory = join(started.stateDirectory, 'lab');
  const close = async () => {
    await started.close();
    await rm(folder, { recursive: true, force: true });
  };
  const stack: RunningLabStack = {
    ...started,
    close,
    labDirectory,
    endpoints: endpointNames.map((name) => labEndpoint(labDirectory, name)),
    endpoint: (name) => labEndpoint(labDirectory, name),
    async plant(...packages) {
      await publish(labDirectory, await Promise.all(packages.map((each) => buildPackage(folder, each))));
    },
    plantExploited: (cve) => writeKev(kevFile, [cve]),
    allow: (packages, fields = {}) => started.apply({ policy, ...rules(packages), ...fields }),
    withAgent: (name, speak) => withAgent(started.stateDirectory, folder, name, speak),
  };
  try {
    await stack.plant(...first);
    const names = first.map((planted) => planted.package);
    await Promise.all(stack.endpoints.map((endpoint) => installFromLab(endpoint, names)));
    return stack;
  } catch (error) {
    await close();
    throw error;
  }
}

/** From the lab's own archive: the endpoint has not seen another when its first cycle begins. */
async function installFromLab(endpoint: LabEndpoint, names: readonly string[]): Promise<void> {
  const list = '/run/planted.list';
  await endpoint.inside('sed', '--quiet', `/:${repositoryPort} /w ${list}`, '/etc/apt/sources.list');
  const alone = [`-oDir::Etc::SourceList=${list}`, '-oDir::Etc::SourceParts=-'];
  await endpoint.inside('apt-get', 'update', '--quiet', ...alone);
  await endpoint.inside('apt-get', 'install', '--quiet', '--assume-yes', ...alone, ...names);
}

function rules(packages: readonly string[]) {
  const owned = { because: 'the story is about it', owner: 'dana@acme.example', until: '2099-12-31' };
  return {
    approve: [],
    allow: packages.map((name) => ({ package: name, ...owned })),
    checks: [{ service: 'pc-web' }, { http: `http://127.0.0.1:${webPort}/`, expect: 200 }],
    emergency: { soak: '1 second', windows: 'any', approval: 'none' },
  };
}

function writeKev(file: string, cves: readonly string[]): Promise<void> {
  const vulnerabilities = cves.map((cveID) => ({
    cveID,
    vulnerabilityName: 'Planted',
    dateAdded: '2026-11-01',
    dueDate: '2026-11-15',
    requiredAction: 'Apply updates.',
  }));
  const catalogue = { title: 'Planted catalogue', catalogVersion: '1', plantedBy, vulnerabilities };
  return writeFile(file, JSON.stringify(catalogue));
}

async function withAgent<T>(
  stateDirectory: string,
  folder: string,
  name: string,
  speak: (agents: AgentPort, agent: AgentIdentity) => Promise<T>,
): Promise<T> {
  const labDirectory = join(stateDirectory, 'lab');
  const endpoint = labStatus(labDirectory).endpoints.find((one) => one.name === name);
  if (!endpoint) throw new Error(`The lab has no endpoint ${name}.`);
  const { site, address: host } = endpoint;
  const socketPath = join(folder, `${name}.sock`);
  const close = await relayFromSite(socketPath, commandInSite(labDirectory, site), { host, port: agentPort });
  const pem = (file: string) => readFile(join(stateDirectory, 'sites', site, file), 'utf8');
  const identity = {
    key: await pem('key.pem'),
    certificate: await pem('certificate.pem'),
    authority: await pem('authority.pem'),
  };
  try {
    return await speak(httpsAgents(identity), { endpointId: `${name}.${clientId}`, address: { socketPath } });
  } finally {
    await close();
  }
}
