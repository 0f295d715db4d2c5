/** What the tests stand on: a fleet in a process of its own, whose agents enrolled with an authority of the test. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { httpsAgents } from '../../../activities/adapters/agents/https.ts';
import { openAuthority } from '../../../activities/adapters/certificates/authority.ts';
import type { AgentIdentity, AgentPort } from '../../../activities/ports/agent.ts';
import type { AuthorityPort } from '../../../activities/ports/authority.ts';
import type { OperationBody, OperationReport } from '../../../domain/endpoints/operation.ts';
import type { Patch } from '../../../domain/patch.ts';
import { controlNameOf, enrolRequestSchema, tokenBytes } from '../../../protocol/enrolment.ts';
import {
  fleetClient,
  fleetDirectory,
  prepareFleet,
  writeAgentConfiguration,
} from '../../../fleets/simulated/client.ts';
import type { FleetClient, FleetOptions, FleetStatus } from '../../../fleets/simulated/client.ts';
import { operationIdOf } from './operation-id.ts';
import { until } from '../until.ts';

export type RunningFleet = {
  readonly directory: string;
  readonly socket: string;
  readonly client: FleetClient;
  readonly agents: AgentPort;
  readonly authority: AuthorityPort;
  /** Starts the process again after `kill`. */
  start(): Promise<void>;
  /** `kill -9` of the process, at once. */
  kill(): Promise<void>;
  /** Ends the process and removes everything. */
  close(): Promise<void>;
  agent(name: string): AgentIdentity;
  /** Waits until every agent that should answer does. */
  agentsAnswer(): Promise<void>;
  endpoint(name: string): Promise<FleetStatus['endpoints'][number]>;
  submit(name: string, words: string, body: OperationBody, generation?: number): Promise<OperationReport>;
  /** Waits for the end of an operation; an agent that is away meanwhile is asked again. */
  ended(name: string, words: string): Promise<OperationReport>;
  dpkgLog(name: string): Promise<string>;
};

/** Fast, so that a test takes milliseconds; what happens is the same. */
export const fastPace = {
  packageMilliseconds: 40,
  shutdownMilliseconds: 20,
  bootMilliseconds: 40,
  limitMinuteMilliseconds: 400,
};

/** A process has to start several times, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });
/** Less than a test: so it ends with what was waited for. */
const waitSeconds = 60;

/** The one whose worker all agents answer. */
const site = 'north.acme';
const main = join(import.meta.dirname, '../../../fleets/simulated/main.ts');

/** A fleet that is up, for one test. Nothing of it outlives the test. */
export async function startFleet(options: Partial<FleetOptions> = {}): Promise<RunningFleet> {
  const fleet = await openFleet(options);
  onTestFinished(() => fleet.close());
  return fleet;
}

/** Prepares a fleet, starts it, and waits until its agents answer. Whoever opens it closes it. */
export async function openFleet(options: Partial<FleetOptions> = {}): Promise<RunningFleet> {
  const folder = await mkdtemp(join(tmpdir(), 'patchcycle-fleet-'));
  const directory = join(folder, 'fleet');
  const authority = await openAuthority(join(folder, 'authority'));
  const plan = await prepareFleet({
    endpoints: [{ name: 'web-1', site: 'north' }],
    pace: fastPace,
    ...options,
    directory,
  });
  const { closeEnrolment, ...enrolment } = await enrolmentService(authority);
  for (const { name } of plan.endpoints) {
    const caller = controlNameOf(site);
    writeAgentConfiguration(directory, name, { caller, enrolment: { ...enrolment, token: tokenOf(name) } });
  }
  const client = fleetClient(directory);
  const agents = httpsAgents({ ...(await authority.issueControl(1, site)), authority: await authority.certificate() });
  let child: ChildProcess | null = null;
  const kill = async (): Promise<void> => {
    const running = child;
    child = null;
    if (running === null) return;
    running.kill('SIGKILL');
    if (running.exitCode === null && running.signalCode === null) await once(running, 'exit');
  };
  const agent = (name: string): AgentIdentity => {
    const address = plan.endpoints.find((endpoint) => endpoint.name === name)?.address;
    if (address === undefined) throw new Error(`The test's fleet has no ${name}.`);
    return { endpointId: name, address };
  };
  const fleet: RunningFleet = {
    directory,
    socket: fleetDirectory(directory).socket,
    client,
    agents,
    authority,
    kill,
    close: async () => {
      await kill();
      closeEnrolment();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
    agent,
    start: async () => {
      child = spawn(process.execPath, ['--import', 'tsx', main, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
      child.stdout?.resume();
      const answers = () =>
        client.status().then(
          () => true,
          () => false,
        );
      await until('the fleet answers', answers, waitSeconds);
    },
    agentsAnswer: async () =>
      void (await until(
        'the agents answer',
        async () => (await client.status()).endpoints.every((each) => each.power === 'off' || each.agentAnswers),
        waitSeconds,
      )),
    endpoint: async (name) => {
      const found = (await client.status()).endpoints.find((each) => each.name === name);
      if (found === undefined) throw new Error(`The test's fleet has no ${name}.`);
      return found;
    },
    submit: (name, words, body, generation = 1) =>
      agents.submit(agent(name), {
        operationId: operationIdOf(words),
        generation,
        permit: { permitId: 'test', issuedAt: new Date().toISOString() },
        body,
      }),
    ended: async (name, words) => {
      return until(
        `${words} of ${name} has ended`,
        async () => {
          const report = await agents.report(agent(name), operationIdOf(words)).catch(() => null);
          return report?.state === 'running' ? null : report;
        },
        waitSeconds,
      );
    },
    dpkgLog: (name) => readFile(fleetDirectory(directory).endpoint(name).dpkgLog, 'utf8'),
  };
  await fleet.start();
  await fleet.agentsAnswer();
  return fleet;
}

/** The pending updates of an endpoint as patches, those of some packages or all. */
export async function pending(
  fleet: RunningFleet,
  name: string,
  packages?: readonly string[],
): Promise<readonly Patch[]> {
  const updates = await fleet.agents.availableUpdates(fleet.agent(name));
  return updates
    .filter((update) => packages === undefined || packages.includes(update.package))
    .map(({ package: packageName, architecture, from, to }) => ({ package: packageName, architecture, from, to }));
}

/** Says whose it is, so that the service need not remember. */
function tokenOf(name: string): string {
  return Buffer.from(name.padEnd(tokenBytes)).toString('base64url');
}

async function enrolmentService(authority: AuthorityPort) {
  const identity = await authority.issueServer({ name: 'localhost', addresses: ['127.0.0.1'], validityDays: 1 });
  const server = createServer({ key: identity.key, cert: identity.certificate }, (request, response) => {
    void (async () => {
      const asked = enrolRequestSchema.parse(JSON.parse((await request.setEncoding('utf8').toArray()).join('')));
      const endpointId = Buffer.from(asked.token, 'base64url').toString().trimEnd();
      const certificateRequest = asked.certificateRequest;
      const certificate = await authority.signEndpoint({ endpointId, certificateRequest, validityDays: 1 });
      response.end(JSON.stringify({ endpointId, certificate, authority: await authority.certificate() }));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `https://127.0.0.1:${port}/v1/enrol`,
    authority: await authority.certificate(),
    closeEnrolment: () => void server.close(),
  };
}
