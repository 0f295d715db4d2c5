/** Asks every agent of a site for one kind of fact and has each answer recorded. Keeps the answers out of the cycle's history. */
import { condition, continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { EndpointReference, SurveyOrder, SurveyResult } from '../domain/cycle.ts';
import { failureInWords } from './failures.ts';
import { control, questions } from './stubs.ts';

const atOnce = 20;

export async function surveySite(
  order: SurveyOrder,
  progress: { readonly after: string | null; readonly result: SurveyResult } = {
    after: null,
    result: { answered: 0, silent: 0 },
  },
): Promise<SurveyResult> {
  let { answered, silent } = progress.result;
  let after = progress.after;
  for (;;) {
    const page = await control.endpointsToSurvey({ order, after });
    if (page.length === 0) return { answered, silent };
    await forEachAtMost(atOnce, page, async (endpoint) => {
      const answers = await survey(order, endpoint);
      if (answers) answered += 1;
      else silent += 1;
    });
    after = page.at(-1)?.endpointId ?? after;
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof surveySite>(order, { after, result: { answered, silent } });
  }
}

/** True when the agent answered. Silence and refusal are facts too, recorded with their reason. */
async function survey(order: SurveyOrder, endpoint: EndpointReference): Promise<boolean> {
  const ask = questions(endpoint.taskQueue);
  try {
    if (order.subject === 'inventory') {
      const inventory = await ask.takeInventory({ agent: endpoint });
      await control.recordInventory({ order, endpointId: endpoint.endpointId, inventory });
    } else if (order.subject === 'updates') {
      const updates = await ask.listUpdates({ agent: endpoint });
      await control.recordUpdates({ order, endpointId: endpoint.endpointId, updates });
    } else {
      const patches = await control.patchesToPlan({ order, endpointId: endpoint.endpointId });
      const planned = await ask.planInstall({ agent: endpoint, patches });
      await control.recordPlan({ order, endpointId: endpoint.endpointId, planned });
    }
    return true;
  } catch (failure) {
    await control.recordSilence({ order, endpointId: endpoint.endpointId, because: failureInWords(failure) });
    return false;
  }
}

async function forEachAtMost<T>(limit: number, items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  let running = 0;
  const all: Promise<void>[] = [];
  for (const item of items) {
    await condition(() => running < limit);
    running += 1;
    all.push(act(item).finally(() => (running -= 1)));
  }
  await Promise.all(all);
}
