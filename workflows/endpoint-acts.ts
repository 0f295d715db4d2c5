/** What is done to one endpoint, the same on a production endpoint and on its clone in the sandbox. */
import type { EndpointPlan, EndpointReference } from '../domain/cycle.ts';
import type { Evidence } from '../domain/evidence.ts';
import type { OperationBody } from '../domain/operation.ts';
import { failureInWords } from './failures.ts';
import { patientQuestions } from './stubs.ts';
import { carryOut } from './under-permit.ts';

const fetchMinutes = 30;
const rebootMinutes = 10;
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
};

export function prefetch(work: Work): Promise<ActResult> {
  return act(work, 'prefetch', { kind: 'prefetch', patches: work.plan.patches }, fetchMinutes);
}

/** Installs the plan in one transaction. An install that was cut short is repaired towards the plan, once. */
export async function install(work: Work): Promise<ActResult> {
  const { patches, allowRemove, installLimitMinutes: limitMinutes } = work.plan;
  const withinMinutes = limitMinutes + 5;
  const installed = await act(work, 'install', { kind: 'install', patches, allowRemove, limitMinutes }, withinMinutes);
  if (!installed.interrupted) return installed;
  const repaired = await act(work, 'repair', { kind: 'repair', patches, limitMinutes }, withinMinutes);
  return { ...repaired, because: [...installed.because, ...repaired.because] };
}

/**
 * Observes the endpoint and does what is needed for the installed versions to be the running ones: a reboot where one
 * is due and allowed, else restarts of the services that hold deleted libraries. Returns what is true afterwards;
 * `after` is null when the endpoint does not answer.
 */
export async function bringIntoEffect(
  work: Work,
  before: Evidence,
): Promise<{ readonly after: Evidence | null; readonly rebootWasDue: boolean; readonly because: readonly string[] }> {
  const seen = await observe(work, before).catch(() => null);
  if (!seen) return { after: null, rebootWasDue: false, because: ['its agent does not answer after the install'] };

  const { reboot } = work.plan;
  if (reboot === 'always' || (reboot === 'if required' && seen.pendingReboot.due)) {
    const rebooted = await act(work, 'reboot', { kind: 'reboot', leaveBootId: seen.bootId }, rebootMinutes);
    const after = await observe(work, before).catch(() => null);
    return { after, rebootWasDue: true, because: rebooted.because };
  }
  if (seen.staleServices.length === 0) return { after: seen, rebootWasDue: false, because: [] };

  const restarted = await act(work, 'restart services', { kind: 'restart services', services: seen.staleServices }, 10);
  const after = await observe(work, before).catch(() => null);
  return { after, rebootWasDue: false, because: restarted.because };
}

/**
 * What is true of the endpoint now. Given what was true before, it waits a while for what worked then to work again,
 * as services take time to start; what does not come back in that time is reported as it is.
 */
export function observe(work: Work, before: Evidence | null, withinMinutes = 5): Promise<Evidence> {
  return patientQuestions(work.endpoint.taskQueue, withinMinutes).observeEndpoint.executeWithOptions(
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
  step: string,
  body: OperationBody,
  withinMinutes: number,
): Promise<ActResult & { readonly interrupted: boolean }> {
  const { clientId, cycleId, endpoint, plan } = work;
  const { planDigest, generation } = plan;
  const nothing = { succeeded: false, halted: false, interrupted: false, packagesAtFault: [] };
  try {
    const result = await carryOut({ clientId, cycleId, endpoint, step, planDigest, generation, body, withinMinutes });
    if ('halted' in result) return { ...nothing, halted: true, because: result.halted };
    const { state, because, packagesAtFault } = result.report;
    return {
      succeeded: state === 'succeeded',
      halted: false,
      interrupted: state === 'interrupted',
      because: state === 'succeeded' ? [] : [`${step}: ${because}`],
      packagesAtFault,
    };
  } catch (failure) {
    return { ...nothing, because: [`${step}: ${failureInWords(failure)}`] };
  }
}
