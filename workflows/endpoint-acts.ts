/** What is done to one endpoint, the same on a production endpoint and on its clone in the sandbox. */
import type { EndpointPlan, EndpointReference } from '../domain/cycle.ts';
import type { BootState } from '../domain/endpoint.ts';
import type { Evidence } from '../domain/evidence.ts';
import type { OperationReport } from '../domain/operation.ts';
import { failureInWords } from './failures.ts';
import { patientQuestions } from './stubs.ts';
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

/** @param step what it is fetched for: the same fetch for another purpose is another operation */
export function prefetch(work: Work, step: string): Promise<ActResult> {
  const body = { kind: 'prefetch', patches: work.plan.patches } as const;
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
  const repaired = await act(work, { step: 'repair', body: repair, withinMinutes, finishes: true });
  return {
    ...repaired,
    because: [...installed.because, ...repaired.because],
    operations: [...installed.operations, ...repaired.operations],
  };
}

/** What is true once everything that was installed runs. */
export type Effective = {
  readonly after: Evidence | null;
  readonly rebootWasDue: boolean;
  readonly because: readonly string[];
  readonly operations: readonly OperationReport[];
};

/**
 * Looks at the endpoint and does what is needed for the installed versions to be the running ones: a reboot where one
 * is due and allowed, else restarts of the services that hold deleted libraries. Returns what is observed afterwards;
 * `after` is null when the endpoint does not answer.
 */
export async function bringIntoEffect(work: Work, before: Evidence): Promise<Effective> {
  const { reboot } = work.plan;
  const untouched = { rebootWasDue: false, operations: [] };
  const silent = { ...untouched, after: null, because: ['its agent does not answer after the install'] };
  const ends = ({ pendingReboot }: BootState) => reboot === 'always' || (reboot === 'if required' && pendingReboot.due);
  const boot = await lookAtBoot(work).catch(() => null);
  if (!boot) return silent;
  // A reboot starts everything anew: what is true before it is neither waited for nor observed.
  const seen = ends(boot) ? null : await observe(work, before).catch(() => undefined);
  if (seen === undefined) return silent;
  if (seen === null || ends(seen)) {
    const body = { kind: 'reboot', leaveBootId: boot.bootId } as const;
    const rebooted = await act(work, { step: 'reboot', body, withinMinutes: rebootMinutes, finishes: true });
    const after = await observe(work, before).catch(() => null);
    return { after, rebootWasDue: true, because: rebooted.because, operations: rebooted.operations };
  }
  if (seen.staleServices.length === 0) return { ...untouched, after: seen, because: [] };

  const body = { kind: 'restart services', services: seen.staleServices } as const;
  const restarted = await act(work, { step: 'restart services', body, withinMinutes: restartMinutes, finishes: true });
  const after = await observe(work, before).catch(() => null);
  return { ...untouched, after, because: restarted.because, operations: restarted.operations };
}

/** Which boot runs, and whether a reboot is due. */
async function lookAtBoot({ endpoint }: Work): Promise<BootState> {
  await untilSiteAnswers(endpoint.taskQueue);
  return patientQuestions(endpoint.taskQueue, lookMinutes).lookAtBoot.executeWithOptions(
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
  return patientQuestions(work.endpoint.taskQueue, lookMinutes).observeEndpoint.executeWithOptions(
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
  order: Pick<Effect, 'step' | 'body' | 'withinMinutes' | 'finishes'>,
): Promise<ActResult & { readonly interrupted: boolean }> {
  const { clientId, cycleId, endpoint, plan } = work;
  const { planDigest, generation } = plan;
  const nothing = { succeeded: false, halted: false, interrupted: false, packagesAtFault: [], operations: [] };
  try {
    const result = await carryOut({ clientId, cycleId, endpoint, planDigest, generation, ...order });
    if ('halted' in result) return { ...nothing, halted: true, because: result.halted };
    const { state, because, packagesAtFault } = result.report;
    return {
      succeeded: state === 'succeeded',
      halted: false,
      interrupted: state === 'interrupted',
      because: state === 'succeeded' ? [] : [`${order.step}: ${because}`],
      packagesAtFault,
      operations: [result.report],
    };
  } catch (failure) {
    return { ...nothing, because: [`${order.step}: ${failureInWords(failure)}`] };
  }
}
