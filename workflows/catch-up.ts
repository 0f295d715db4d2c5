/**
 * Catches up one endpoint that could not be patched with its ring: when it is online, inside its own window, its patch
 * still approved and not superseded. When its deadline passes it is escalated, not forgotten.
 */
import { continueAsNew, executeChild, setCurrentDetails, sleep, workflowInfo } from '@temporalio/workflow';
import type { EndpointOrder } from '../domain/cycle.ts';
import { endpointPatch } from './endpoint-patch.ts';
import { endpointAttributes } from './search-attributes.ts';
import { control, vigils } from './stubs.ts';

export async function catchUp(order: EndpointOrder): Promise<void> {
  for (;;) {
    const turn = await control.mayCatchUp({ order });
    setCurrentDetails(turn.because.map((line) => `- ${line}`).join('\n'));
    if (turn.verdict === 'over') return;
    if (turn.verdict === 'wait') {
      await sleep(`${turn.seconds} seconds`, { summary: turn.because[0] ?? 'waits for its window' });
    } else if (await answersWithin(order, turn.seconds)) {
      if (await patchNow(order)) return;
    }
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof catchUp>(order);
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

/** True when it has ended; another cycle at work on the endpoint, or its silence, means that its turn comes again. */
async function patchNow(order: EndpointOrder): Promise<boolean> {
  try {
    await control.admitStraggler({ order });
    const end = await executeChild(endpointPatch, {
      workflowId: `endpoint/${order.clientId}/${order.endpointId}`,
      args: [order],
      staticSummary: `${order.endpointId}, caught up`,
      typedSearchAttributes: endpointAttributes(order),
    });
    return end.outcome !== null;
  } catch {
    await control.giveBackAdmission({ endpoint: order, because: 'another cycle holds the endpoint' });
    return false;
  }
}
