/** Every activity proxy, and the only place with time-outs and retries. Grouped by what is waited for. */
import {
  type ActivityInterfaceFor,
  type ActivityOptions,
  proxyActivities,
  proxyLocalActivities,
} from '@temporalio/workflow';
import type { ControlActivities, SiteActivities } from '../activities/index.ts';
import { summaries } from './summaries.ts';
import { controlTaskQueue } from '../domain/ids.ts';

/** Reads and writes of a few rows: short, safe to repeat, tried until the database is back. */
export const control = withSummaries<ControlActivities>({
  taskQueue: controlTaskQueue,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '20 seconds' },
});

/** The same, for what reads or writes rows of every endpoint of a cycle. */
export const controlBulk = withSummaries<ControlActivities>({
  taskQueue: controlTaskQueue,
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/** Reads the halts before an effect. Local: it is one query, and the permit must be fresh when it is used. */
export const permits = proxyLocalActivities<Pick<ControlActivities, 'issuePermit'>>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '200 milliseconds', maximumInterval: '5 seconds' },
});

/** Questions to an agent that answers within a minute or is not there; three attempts tell a start from an absence. */
export function agentQueries(taskQueue: string) {
  return onSite({
    taskQueue,
    startToCloseTimeout: '4 minutes',
    scheduleToCloseTimeout: '10 minutes',
    retry: { initialInterval: '2 seconds', maximumInterval: '10 seconds', maximumAttempts: 3 },
  });
}

/**
 * Asks until the agent answers, for a machine that is starting: a boot that takes longer has failed. An attempt may
 * last as long as services are given to settle, and an answer takes on top of it.
 */
export function agentQueriesWhileBooting(taskQueue: string, withinMinutes: number) {
  return onSite({
    taskQueue,
    startToCloseTimeout: '3 minutes',
    scheduleToCloseTimeout: `${withinMinutes} minutes`,
    retry: { initialInterval: '250 milliseconds', backoffCoefficient: 1.3, maximumInterval: '5 seconds' },
  });
}

/**
 * Effects on an agent. Taken up within a second or not at all: later, the halts must be read again. With what may pass
 * before, and the time a command takes to write a halt down, nothing is submitted from two seconds after it was called.
 * The same activity polls: an unfinished operation raises a benign, retryable failure, so polling adds no history.
 */
export function effects(taskQueue: string, withinMinutes: number) {
  return onSite({
    taskQueue,
    scheduleToStartTimeout: '1 second',
    startToCloseTimeout: '20 seconds',
    scheduleToCloseTimeout: `${withinMinutes} minutes`,
    retry: { initialInterval: '1 second', maximumInterval: '5 seconds' },
  });
}

/**
 * Asks how an effect stands that was submitted before, until it has ended; null at once when the agent does not know
 * it.
 */
export function operationStatus(taskQueue: string, withinMinutes: number) {
  return onSite({
    taskQueue,
    startToCloseTimeout: '20 seconds',
    scheduleToCloseTimeout: `${withinMinutes} minutes`,
    retry: { initialInterval: '1 second', maximumInterval: '5 seconds' },
  });
}

/** Waits for the site's worker itself, for as long as a site may be cut off. */
export function siteWorkerWait(taskQueue: string) {
  return onSite({
    taskQueue,
    startToCloseTimeout: '10 seconds',
    scheduleToCloseTimeout: '14 days',
  });
}

/** Whether agents answer now: one that cannot be asked within seconds counts as not there. */
export function presenceChecks(taskQueue: string) {
  return onSite({
    taskQueue,
    startToCloseTimeout: '15 seconds',
    scheduleToCloseTimeout: '30 seconds',
    retry: { initialInterval: '1 second' },
  });
}

/** Snapshots, sandboxes and restores: acts on a whole machine from outside, harmless to repeat under the same id. */
export function machineActs(taskQueue: string) {
  return onSite({
    taskQueue,
    startToCloseTimeout: '2 minutes',
    scheduleToCloseTimeout: '30 minutes',
    retry: { initialInterval: '1 second', maximumInterval: '20 seconds', maximumAttempts: 20 },
  });
}

/** Waits for an agent to answer, for as long as its turn lasts: attempts add no history. */
export function presenceWait(taskQueue: string, seconds: number) {
  return onSite({
    taskQueue,
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: `${seconds} seconds`,
    retry: { initialInterval: '5 seconds', backoffCoefficient: 1 },
  });
}

/** Scans of a network: slow, and refused rather than repeated when it is not the site's own. */
export function networkScans(taskQueue: string) {
  return onSite({
    taskQueue,
    startToCloseTimeout: '5 minutes',
    scheduleToCloseTimeout: '15 minutes',
    retry: { initialInterval: '2 seconds', maximumAttempts: 3 },
  });
}

/**
 * What runs on a site's network tells once a second that its worker lives: a dead one is noticed soon, whatever the act
 * may last.
 */
function onSite(options: ActivityOptions): ActivityInterfaceFor<SiteActivities> {
  return withSummaries<SiteActivities>({ heartbeatTimeout: '5 seconds', ...options });
}

/** Activities whose calls carry their summary, so that the timeline reads as a story. */
function withSummaries<A extends ControlActivities | SiteActivities>(
  options: ActivityOptions,
): ActivityInterfaceFor<A> {
  const target = {} as ActivityInterfaceFor<A>;
  return new Proxy(target, {
    get: (_, name: keyof A & keyof typeof summaries) =>
      proxyActivities<A>({ ...options, summary: summaries[name] })[name],
  });
}
