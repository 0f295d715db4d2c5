/**
 * Catches up one endpoint that could not be patched with its ring: when it is online, inside its own window, its patch
 * still approved and not superseded. When its deadline passes it is escalated, not forgotten.
 */
import { continueAsNew, setCurrentDetails, sleep, workflowInfo } from '@temporalio/workflow';
import type { EndpointInput } from '../domain/rollout/cycle.ts';
import { patchEndpoint } from './under-lock.ts';
import { controlBulk, control, agentQueries, presenceWait } from './stubs.ts';
import { surveyEndpoint } from './survey-site.ts';

/** How long a straggler whose turn did not come to anything waits before it is looked at again. */
const pauseSeconds = 15;

export async function catchUp(first: EndpointInput): Promise<void> {
  for (;;) {
    // Asked each time: an endpoint may come back at another address.
    const { input, ...turn } = await control.mayCatchUp({ input: first });
    setCurrentDetails(turn.because.map((line) => `- ${line}`).join('\n'));
    if (turn.verdict === 'over') return writeFinalReport(input);
    if (turn.verdict === 'go' && (await answersWithin(input, turn.seconds)) && (await patchNow(input)))
      return writeFinalReport(input);
    const pause = turn.verdict === 'wait' ? turn.seconds : pauseSeconds;
    await sleep(`${pause} seconds`, { summary: turn.because[0] ?? 'waits for its turn' });
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof catchUp>(first);
  }
}

function answersWithin(input: EndpointInput, seconds: number): Promise<boolean> {
  return presenceWait(input.taskQueue, seconds)
    .waitForAnswer.executeWithOptions({ summary: `waits for ${input.endpointId} to come back` }, [{ agent: input }])
    .then(
      () => true,
      () => false,
    );
}

/**
 * Once a closed cycle waits for no endpoint any more, its report says how the last of them ended, or that it did not.
 */
async function writeFinalReport(input: EndpointInput): Promise<void> {
  const { cycleId } = input;
  if (await control.isLastStraggler({ input })) await controlBulk.writeReports({ cycleId }).catch(() => undefined);
}

/**
 * True when it has ended. False when others hold the endpoint or the budget, or it fell silent: its turn comes again.
 */
async function patchNow(input: EndpointInput): Promise<boolean> {
  if (!(await isPlanned(input))) return false;
  // Waiting and planning took their time: what spoke for it may have changed.
  if ((await control.mayCatchUp({ input })).verdict !== 'go') return false;
  const admission = await control.admitStraggler({ input });
  if (!admission.admitted) return false;
  const end = await patchEndpoint(input);
  return end !== null && end.outcome !== null;
}

/**
 * Asked of its own package manager: a plan that was overtaken meanwhile is not carried out. False when it fell silent
 * again.
 */
async function isStillPending(input: EndpointInput): Promise<boolean> {
  const ask = agentQueries(input.taskQueue);
  const offered = await ask.listUpdates({ agent: input }).catch(() => null);
  return offered !== null && (await control.isStillPending({ input, offered }));
}

/**
 * Sees to it that the endpoint has a plan. One that was silent when the cycle planned is surveyed now and gets exactly
 * what its cycle has proven elsewhere, as a successor of the change record. False when it fell silent again, or its
 * plan is out of date.
 */
async function isPlanned(input: EndpointInput): Promise<boolean> {
  const late = await control.lateSurveyOf({ input });
  if (!late) return isStillPending(input);
  for (const subject of ['inventory', 'updates'] as const)
    if (!(await surveyEndpoint({ ...late, subject }, input))) return false;
  await control.approveProven({ input });
  if (!(await surveyEndpoint({ ...late, subject: 'plan' }, input))) return false;
  await control.extendChangeRecord({ input });
  return true;
}
