/** Asks every agent of a site for one kind of fact and has each answer recorded. Keeps the answers out of the cycle's history. */
import { surveyWorkflowId } from '../domain/ids.ts';
import { continueAsNew, executeChild, workflowInfo } from '@temporalio/workflow';
import type {
  CycleInput,
  EndpointReference,
  SiteReference,
  SurveyInput,
  SurveySubject,
} from '../domain/rollout/cycle.ts';
import { failureInWords } from './failures.ts';
import { surveyAttributes } from './search-attributes.ts';
import { control, agentQueries, siteWorkerWait } from './stubs.ts';

const atOnce = 20;
/** A site whose worker is away for longer is surveyed as silent. */
const siteAnswersWithinMinutes = 2;

/** Asks the agents of all sites for one kind of fact; each site is a child workflow of its own. */
export async function surveySites(
  input: CycleInput,
  sites: readonly SiteReference[],
  subject: SurveySubject,
  step: 'discovery' | 'monitoring' | 'testing' | 'rollout' | 'audit',
): Promise<void> {
  const { cycleId, clientId } = input;
  await Promise.all(
    sites.map((site) =>
      executeChild(surveySite, {
        workflowId: surveyWorkflowId({ cycleId, siteId: site.siteId, step, subject }),
        args: [{ cycleId, clientId, site, subject, step }],
        staticSummary: `${step}: ${subject} at ${site.siteId}`,
        typedSearchAttributes: surveyAttributes({ cycleId, clientId, site, subject, step }),
      }),
    ),
  );
}

export async function surveySite(input: SurveyInput, after: string | null = null): Promise<void> {
  await siteWorkerWait(input.site.taskQueue)
    .pingWorker.executeWithOptions({ scheduleToCloseTimeout: `${siteAnswersWithinMinutes} minutes` }, [])
    .catch(() => undefined);
  for (;;) {
    const page = await control.endpointsToSurvey({ input, after });
    if (page.length === 0) return;
    const rest = [...page];
    const runner = async () => {
      for (let next = rest.shift(); next; next = rest.shift()) await surveyEndpoint(input, next);
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, page.length) }, runner));
    after = page.at(-1)?.endpointId ?? after;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof surveySite>(input, after);
  }
}

/** Asks one agent. True when it answered; silence and refusal are facts too, recorded with their reason. */
export async function surveyEndpoint(input: SurveyInput, endpoint: EndpointReference): Promise<boolean> {
  const ask = agentQueries(endpoint.taskQueue);
  const { endpointId } = endpoint;
  try {
    if (input.subject === 'inventory') {
      const inventory = await ask.takeInventory({ agent: endpoint });
      await control.recordInventory({ input, endpointId, inventory });
    } else if (input.subject === 'updates') {
      const updates = await ask.listUpdates({ agent: endpoint });
      await control.recordUpdates({ input, endpointId, updates });
    } else {
      const patches = await control.patchesToPlan({ input, endpointId });
      const planned = await ask.planInstall({ agent: endpoint, patches });
      await control.recordPlan({ input, endpointId, planned });
    }
    return true;
  } catch (failure) {
    await control.recordSilence({ input, endpointId, because: failureInWords(failure) });
    return false;
  }
}
