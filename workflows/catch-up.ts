/**
 * Catches up one endpoint that could not be patched with its ring: when it is online, inside its own window, its patch
 * still approved and not superseded. When its deadline passes it is escalated, not forgotten.
 */
import { continueAsNew, setCurrentDetails, sleep, workflowInfo } from '@temporalio/workflow';
import type { EndpointOrder } from '../domain/cycle.ts';
import { patchEndpoint } from './patch-endpoint.ts';
import { bookkeeping, control, questions, vigils } from './stubs.ts';
import { surveyEndpoint } from './survey-site.ts';

/** How long a straggler whose turn did not come to anything waits before it is looked at again. */
const pauseSeconds = 15;

export async function catchUp(first: EndpointOrder): Promise<void> {
  for (;;) {
    // Asked each time: an endpoint may come back at another address.
    const { order, ...turn } = await control.mayCatchUp({ order: first });
    setCurrentDetails(turn.because.map((line) => `- ${line}`).join('\n'));
    if (turn.verdict === 'over') return closeAccount(order);
    if (turn.verdict === 'go' && (await answersWithin(order, turn.seconds)) && (await patchNow(order)))
      return closeAccount(order);
    const pause = turn.verdict === 'wait' ? turn.seconds : pauseSeconds;
    await sleep(`${pause} seconds`, { summary: turn.because[0] ?? 'waits for its turn' });
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof catchUp>(first);
  }
}

function answersWithin(order: EndpointOrder, seconds: number): Promise<boolean> {
  return vigils(order.taskQueue, seconds)
    .waitForAnswer.executeWithOptions({ summary: `waits for ${order.endpointId} to come back` }, [{ agent: order }])
    .then(
      () => true,
      () => false,
    );
}

/** Once nobody of a closed cycle is waited for any more, its report says how the last of them ended, or that it did not. */
async function closeAccount(order: EndpointOrder): Promise<void> {
  const { cycleId } = order;
  if (await control.isLastStraggler({ order })) await bookkeeping.writeReports({ cycleId }).catch(() => undefined);
}

/** True when it has ended. False when others hold the endpoint or the budget, or it fell silent: its turn comes again. */
async function patchNow(order: EndpointOrder): Promise<boolean> {
  if (!(await isPlanned(order))) return false;
  // Waiting and planning took their time: what spoke for it may have changed.
  if ((await control.mayCatchUp({ order })).verdict !== 'go') return false;
  const admission = await control.admitStraggler({ order });
  if (!admission.admitted) return false;
  const end = await patchEndpoint(order);
  return end !== null && end.outcome !== null;
}

/** Asked of its own package manager: a plan that was overtaken meanwhile is not carried out. False when it fell silent again. */
async function isStillPending(order: EndpointOrder): Promise<boolean> {
  const ask = questions(order.taskQueue);
  const offered = await ask.listUpdates({ agent: order }).catch(() => null);
  return offered !== null && (await control.isStillPending({ order, offered }));
}

/**
 * Sees to it that the endpoint has a plan. One that was silent when the cycle planned is surveyed now and gets exactly
 * what its cycle has proven elsewhere, as a successor of the change record. False when it fell silent again, or its plan
 * is out of date.
 */
async function isPlanned(order: EndpointOrder): Promise<boolean> {
  const late = await control.lateSurveyOf({ order });
  if (!late) return isStillPending(order);
  for (const subject of ['inventory', 'updates'] as const)
    if (!(await surveyEndpoint({ ...late, subject }, order))) return false;
  await control.approveProven({ order });
  if (!(await surveyEndpoint({ ...late, subject: 'plan' }, order))) return false;
  await control.extendChangeRecord({ order });
  return true;
}
