/** What is done to one endpoint, the same on a production endpoint and on its clone in the sandbox. */
import type { EndpointPlan, EndpointReference } from '../domain/rollout/cycle.ts';
import type { BootState } from '../domain/endpoints/endpoint.ts';
import type { Evidence } from '../domain/endpoints/evidence.ts';
import type { OperationReport } from '../domain/endpoints/operation.ts';
import { failureInWords } from './failures.ts';
import { agentQueriesWhileBooting, agentQueries } from './stubs.ts';
import { type Effect, carryOut, untilSiteAnswers } from './under-permit.ts';

const fetchMinutes = 30;
const rebootMinutes = 10;
const restartMinutes = 10;
const lookMinutes = 5;
/** A service that takes longer to come up than this counts as down. */
const settleSeconds = 60;

/** One endpoint, or its clone, with what it is to get and in whose name. */
export type Work = {
  readonly clientId: string;
  readonly cycleId: string;
  readonly endpoint: EndpointReference;
  readonly plan: EndpointPlan;
};

export type ActResult = {
  readonly succeeded: boolean;
  /** No permit was given: nothing was submitted. */
  readonly halted: boolean;
  readonly because: readonly string[];
  readonly packagesAtFault: readonly string[];
  /** The agent's reports, in order. */
  readonly operations: readonly OperationReport[];
};

/**
 * Fetches the packages.
 * @param step what it is fetched for: the same fetch for another purpose is another operation
 * @param keepOld it fails unless those from before are kept, as they are the only way to roll back
 */
export function prefetch(work: Work, step: string, { keepOld = false } = {}): Promise<ActResult> {
  const { patches } = work.plan;
  const body = { kind: 'prefetch', patches, ...(keepOld ? { keepOld } : {}) } as const;
  return act(work, { step, body, withinMinutes: fetchMinutes, finishes: false });
}

/** Installs the plan in one transaction. An install that was cut short is repaired towards the plan, once. */
export async function install(work: Work): Promise<ActResult> {
  const { patches, allowRemove, installLimitMinutes: limitMinutes } = work.plan;
  const withinMinutes = limitMinutes + 5;
  const body = { kind: 'install', patches, allowRemove, limitMinutes } as const;
  const installed = await act(work, { step: 'install', body, withinMinutes, finishes: false });
  if (!installed.interrupted) return installed;
  const repair = { kind: 'repair', patches, limitMinutes } as const;
  return inTurn(installed, await act(work, { step: 'repair', body: repair, withinMinutes, finishes: true }));
}

/**
 * Puts the packages of the plan back to the versions from before, and holds those that are named. One that was cut
 * short is done again, once: it finds out by itself what is left to do.
 */
export async function rollBackPackages(work: Work, purpose: string, hold: readonly string[]): Promise<ActResult> {
  const { patches, installLimitMinutes: limitMinutes } = work.plan;
  const body = { kind: 'roll back packages', patches, hold, limitMinutes } as const;
  const effect = { body, withinMinutes: limitMinutes + 5, finishes: true };
  const first = await act(work, { ...effect, step: purpose });
  return first.interrupted ? inTurn(first, await act(work, { ...effect, step: `${purpose}, again` })) : first;
}

/** Names of the packages that no run would upgrade; null when its agent does not say. */
export async function heldPackages({ endpoint }: Work): Promise<readonly string[] | null> {
  await untilSiteAnswers(endpoint.taskQueue);
  const inventory = await agentQueries(endpoint.taskQueue)
    .takeInventory({ agent: endpoint })
    .catch(() => null);
  return inventory?.heldPackages ?? null;
}

/** What came of two acts, the second for the first. */
function inTurn(first: ActResult, second: ActResult): ActResult {
  return {
    ...second,
    because: [...first.because, ...second.because],
    operations: [...first.operations, ...second.operations],
  };
}

/** What is true once everything that was installed runs. */
export type Effective = {
  readonly after: Evidence | null;
  readonly rebootWasDue: boolean;
  /** The boot that a due reboot had to leave; null when none was due. */
  readonly bootIdBeforeReboot: string | null;
  readonly because: readonly string[];
  readonly operations: readonly OperationReport[];
};

/**
 * Looks at the endpoint and does what is needed for the installed versions to be the running ones: a reboot where one
 * is due and allowed, else restarts of the services that hold deleted libraries. Returns what is observed afterwards;
 * `after` is null when the endpoint does not answer.
 * @param purpose what it is needed for, where the cycle has done the same before: the same purpose is done once
 */
export async function bringIntoEffect(work: Work, before: Evidence, purpose = ''): Promise<Effective> {
  const step = (name: string) => (purpose === '' ? name : `${name}, ${purpose}`);
  const { reboot } = work.plan;
  const untouched = { rebootWasDue: false, bootIdBeforeReboot: null, operations: [] };
  const silent = { ...untouched, after: null, because: ['its agent does not answer any more'] };
  const ends = ({ pendingReboot }: BootState) => reboot === 'always' || (reboot === 'if required' && pendingReboot.due);
  const boot = await lookAtBoot(work).catch(() => null);
  if (!boot) return silent;
  // A reboot restarts everything: what is true before it is neither waited for nor observed.
  const seen = ends(boot) ? null : await observe(work, before).catch(() => undefined);
  if (seen === undefined) return silent;
  if (seen === null || ends(seen)) {
    const body = { kind: 'reboot', leaveBootId: boot.bootId } as const;
    const rebooted = await act(work, { step: step('reboot'), body, withinMinutes: rebootMinutes, finishes: true });
    const after = await observe(work, before).catch(() => null);
    const { because, operations } = rebooted;
    return { after, rebootWasDue: true, bootIdBeforeReboot: boot.bootId, because, operations };
  }
  if (seen.staleServices.length === 0) return { ...untouched, after: seen, because: [] };

  const body = { kind: 'restart services', services: seen.staleServices } as const;
  const effect = { body, withinMinutes: restartMinutes, finishes: true };
  const restarted = await act(work, { ...effect, step: step('restart services') });
  const after = await observe(work, before).catch(() => null);
  return { ...untouched, after, because: restarted.because, operations: restarted.operations };
}

/** Which boot runs, and whether a reboot is due. */
async function lookAtBoot({ endpoint }: Work): Promise<BootState> {
  await untilSiteAnswers(endpoint.taskQueue);
  return agentQueriesWhileBooting(endpoint.taskQueue, lookMinutes).lookAtBoot.executeWithOptions(
    { summary: `asks ${endpoint.endpointId} whether a reboot is due` },
    [{ agent: endpoint }],
  );
}

/**
 * What is true of the endpoint now. Given what was true before, it waits a while for what worked then to work again,
 * as services take time to start; what does not come back in that time is reported as it is.
 */
export async function observe(work: Work, before: Evidence | null): Promise<Evidence> {
  // The minutes are the endpoint's: a site whose worker is away is waited for first.
  await untilSiteAnswers(work.endpoint.taskQueue);
  return agentQueriesWhileBooting(work.endpoint.taskQueue, lookMinutes).observeEndpoint.executeWithOptions(
    { summary: `observes ${work.endpoint.endpointId}` },
    [
      {
        agent: work.endpoint,
        packages: work.plan.patches.map((patch) => patch.package),
        checks: work.plan.checks,
        expect: before && {
          services: before.services.filter((service) => service.state === 'running').map((service) => service.service),
          checks: before.checks.filter((check) => check.passed).map((check) => check.check),
          settleSeconds,
        },
      },
    ],
  );
}

async function act(
  work: Work,
  effect: Pick<Effect, 'step' | 'body' | 'withinMinutes' | 'finishes'>,
): Promise<ActResult & { readonly interrupted: boolean }> {
  const { clientId, cycleId, endpoint, plan } = work;
  const { planDigest, generation } = plan;
  const nothing = { succeeded: false, halted: false, interrupted: false, packagesAtFault: [], operations: [] };
  try {
    const result = await carryOut({ clientId, cycleId, endpoint, planDigest, generation, ...effect });
    if ('halted' in result) return { ...nothing, halted: true, because: result.halted };
    const { state, because, packagesAtFault } = result.report;
    return {
      succeeded: state === 'succeeded',
      halted: false,
      interrupted: state === 'interrupted',
      because: state === 'succeeded' ? [] : [`${effect.step}: ${because}`],
      packagesAtFault,
      operations: [result.report],
    };
  } catch (failure) {
    return { ...nothing, because: [`${effect.step}: ${failureInWords(failure)}`] };
  }
}
