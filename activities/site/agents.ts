/** What is asked of agents, and the one way in which an effect reaches them. Runs in the site's worker. */
import { createHash } from 'node:crypto';
import { ApplicationFailure, activityInfo, cancellationSignal, sleep } from '@temporalio/activity';
import type { ChangelogEntry } from '../../domain/patches/advisory.ts';
import type { Check, CheckResult } from '../../domain/endpoints/check.ts';
import type { BootState, Inventory } from '../../domain/endpoints/endpoint.ts';
import type { Evidence } from '../../domain/endpoints/evidence.ts';
import type { Operation, OperationBody, OperationReport, Permit } from '../../domain/endpoints/operation.ts';
import type { AvailableUpdate, Patch } from '../../domain/patch.ts';
import { type PlannedInstall, takeOutOffenders } from '../../domain/patches/plan.ts';
import { notYet } from '../failures.ts';
import { type AgentIdentity, type AgentPort, AgentRefused, AgentUnreachable } from '../ports/agent.ts';
import { bound } from '../bound.ts';

type Asked = { readonly agent: AgentIdentity };

export type OperationInput = {
  readonly clientId: string;
  readonly cycleId: string;
  readonly endpoint: AgentIdentity;
  readonly step: string;
  readonly planDigest: string;
  readonly generation: number;
  readonly permit: Permit;
  /**
   * Before the halts were read, by Temporal's clock, in milliseconds; effects that were ordered earlier do not say it.
   */
  readonly permitAskedAt?: number;
  readonly body: OperationBody;
};

/** What worked before, and how long it may take to work again. */
export type Expectation = {
  readonly services: readonly string[];
  readonly checks: readonly string[];
  readonly settleSeconds: number;
};

/** How long it may take from the reading of the halts until Temporal knows of the effect. */
const permitHeldMilliseconds = 400;
/** How long a service that systemd has given up is waited for: while an endpoint boots, another unit may start it. */
const givenUpSeconds = 10;

/** The id of an effect: the same purpose gives the same id, so that asking twice is doing once. */
export function operationIdOf(
  purpose: Pick<OperationInput, 'clientId' | 'cycleId' | 'step' | 'planDigest' | 'generation'> & { endpointId: string },
): string {
  const { clientId, cycleId, endpointId, step, planDigest, generation } = purpose;
  return createHash('sha256')
    .update(JSON.stringify([clientId, cycleId, endpointId, step, planDigest, generation]))
    .digest('hex');
}

export function agentActivities(ports: AgentPort) {
  return bound(ports, {
    pingWorker,
    takeInventory,
    lookAtBoot,
    listUpdates,
    readChangelogs,
    planInstall,
    endpointsThatAnswer,
    waitForAnswer,
    runChecks,
    observeEndpoint,
    carryOutOperation,
    followOperation,
  });
}

/** Ends as soon as the site's worker takes work: tells a workflow that it is back. */
async function pingWorker(_ports: AgentPort): Promise<void> {}

async function takeInventory(agents: AgentPort, { agent }: Asked): Promise<Inventory> {
  return agents.inventory(agent, cancellationSignal());
}

/** Which boot runs, and whether a reboot is due: enough to know where one settles everything else. */
async function lookAtBoot(agents: AgentPort, { agent }: Asked): Promise<BootState> {
  return agents.pendingReboot(agent, cancellationSignal());
}

async function listUpdates(agents: AgentPort, { agent }: Asked): Promise<readonly AvailableUpdate[]> {
  return agents.availableUpdates(agent, cancellationSignal());
}

async function readChangelogs(
  agents: AgentPort,
  { agent, patches }: Asked & { patches: readonly Patch[] },
): Promise<readonly ChangelogEntry[]> {
  return agents.changelogs(agent, patches, cancellationSignal());
}

/** Plans by dry runs what can be installed, and takes out each patch that would do more than its record says. */
async function planInstall(
  agents: AgentPort,
  { agent, patches }: Asked & { patches: readonly Patch[] },
): Promise<PlannedInstall> {
  const signal = cancellationSignal();
  return takeOutOffenders(
    patches,
    (some) => agents.dryRun(agent, some, signal),
    async () => (await agents.inventory(agent, signal)).kernel,
  );
}

/**
 * The ids of those whose agents answer now. One that does not is asked once more: one failed call does not mean that it
 * is away.
 */
async function endpointsThatAnswer(
  agents: AgentPort,
  { agents: asked }: { agents: readonly AgentIdentity[] },
): Promise<readonly string[]> {
  const answers = await Promise.all(
    asked.map((agent) => {
      const ask = () => agents.health(agent, cancellationSignal());
      return ask()
        .catch(ask)
        .then(
          () => [agent.endpointId],
          () => [],
        );
    }),
  );
  return answers.flat();
}

/** Ends when the agent answers; until then it is asked again. */
async function waitForAnswer(agents: AgentPort, { agent }: Asked): Promise<void> {
  await agents.health(agent, cancellationSignal());
}

/** Runs the policy's checks on several endpoints. One that does not answer has failed them all. */
async function runChecks(
  agents: AgentPort,
  {
    endpoints,
  }: {
    endpoints: readonly (AgentIdentity & { readonly checks: readonly Check[] })[];
  },
): Promise<readonly { readonly endpointId: string; readonly results: readonly CheckResult[] | null }[]> {
  return Promise.all(
    endpoints.map(async ({ checks, ...agent }) => ({
      endpointId: agent.endpointId,
      results: await agents.checks(agent, checks, cancellationSignal()).catch(() => null),
    })),
  );
}

/**
 * Observes, and while something that worked before does not, observes again until it settles or the time is over.
 * A service that systemd has given up is not waited for as long as one that may still come up.
 */
async function observeEndpoint(
  agents: AgentPort,
  {
    agent,
    packages,
    checks,
    expect,
  }: Asked & {
    packages: readonly string[];
    checks: readonly Check[];
    expect: Expectation | null;
  },
): Promise<Evidence> {
  const started = Date.now();
  for (;;) {
    const evidence = await agents.observe(agent, { packages, checks }, cancellationSignal());
    if (!expect || worksAsBefore(evidence, expect)) return evidence;
    const limitSeconds = isGivenUp(evidence, expect) ? givenUpSeconds : expect.settleSeconds;
    if (Date.now() - started > limitSeconds * 1000) return evidence;
    await sleep(1000);
  }
}

/**
 * Submits an operation at the first attempt; later attempts only ask how it stands. Each waits a while for its end.
 * One that was held up since the halts were read is not submitted; nor is one later that found the agent busy, or of
 * which the agent knows nothing: its permit is spent, and the halts must be read again.
 */
async function carryOutOperation(agents: AgentPort, input: OperationInput): Promise<OperationReport> {
  const { permit, generation, body, endpoint } = input;
  const operationId = operationIdOf({ ...input, endpointId: endpoint.endpointId });
  const operation: Operation = { operationId, generation, permit, body };
  const isFirst = activityInfo().attempt === 1;
  if (isFirst) refuseHeldUp(input.permitAskedAt);
  const report = isFirst
    ? await agents.submit(endpoint, operation, cancellationSignal()).catch(busyMeansSpent)
    : await agents.report(endpoint, operationId, cancellationSignal());
  if (!report) throw spent('the operation never reached the agent');
  return endOf(report, () => agents.report(endpoint, operationId, cancellationSignal()));
}

/** The end of an operation that may have been submitted before; null when the agent does not know it. */
async function followOperation(
  agents: AgentPort,
  input: Omit<OperationInput, 'permit'>,
): Promise<OperationReport | null> {
  const operationId = operationIdOf({ ...input, endpointId: input.endpoint.endpointId });
  const ask = () => agents.report(input.endpoint, operationId, cancellationSignal());
  const report = await ask();
  return report && endOf(report, ask);
}

/**
 * One attempt asks this often at first, and for so long. Each attempt costs Temporal more than a question costs an
 * agent, and its timers may be a second coarse; but none holds a worker's slot for as long as an install lasts.
 */
const askMilliseconds = 200;
const watchMilliseconds = 12_000;

/**
 * Waits for the end of an operation: not yet, when it takes longer than one attempt watches. A rebooting agent is
 * silent.
 */
async function endOf(first: OperationReport, ask: () => Promise<OperationReport | null>): Promise<OperationReport> {
  const startedAt = Date.now();
  let report = first;
  while (report.state === 'running') {
    if (Date.now() - startedAt > watchMilliseconds) throw notYet(report.because, askMilliseconds);
    await sleep(Math.max(askMilliseconds, (Date.now() - startedAt) / 20));
    report = (await ask().catch(silenceIsNoEnd)) ?? report;
  }
  return report;
}

function silenceIsNoEnd(error: unknown): null {
  if (error instanceof AgentUnreachable) return null;
  throw error;
}

/** The halts are read in a workflow task, and the effect is not known until that ends. */
function refuseHeldUp(permitAskedAt = Infinity): void {
  const heldMilliseconds = activityInfo().scheduledTimestampMs - permitAskedAt;
  if (heldMilliseconds > permitHeldMilliseconds)
    throw spent(`the halts were read ${heldMilliseconds} ms before the effect was ordered`);
}

function busyMeansSpent(error: unknown): never {
  if (error instanceof AgentRefused && error.code === 'busy') throw spent(error.message);
  throw error;
}

function spent(because: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(because, 'PermitSpent');
}

/** Only another unit, or a person, would start it again. */
function isGivenUp(evidence: Evidence, expect: Expectation): boolean {
  return evidence.services.some(({ service, state }) => state === 'failed' && expect.services.includes(service));
}

function worksAsBefore(evidence: Evidence, expect: Expectation): boolean {
  const running = new Set(evidence.services.filter((s) => s.state === 'running').map((s) => s.service));
  const passing = new Set(evidence.checks.filter((c) => c.passed).map((c) => c.check));
  return expect.services.every((s) => running.has(s)) && expect.checks.every((c) => passing.has(c));
}
