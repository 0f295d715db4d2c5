/** What a workflow asks for, and what the server does once it has the command. */
import type { coresdk } from '@temporalio/proto';
import { Activity } from './activity.ts';
import { Child, cancellationTypes } from './child.ts';
import type { Execution } from './execution.ts';
import { applicationFailure, specOf } from './failures.ts';
import { decoded, decodedFields, inMs, summaryOf } from './payloads.ts';
import type { WorkflowCommand } from './sandbox.ts';

type Commands = coresdk.workflow_commands.IWorkflowCommand;
type Kind = Exclude<keyof Commands, 'userMetadata' | 'eventGroupMarkers'>;

const waitForCompletion = 1;
const abandon = 2;

export function nameOf(command: WorkflowCommand): Kind {
  for (const name in command)
    if (name !== 'userMetadata' && name !== 'eventGroupMarkers' && command[name as Kind]) return name as Kind;
  throw new Error('A workflow gave an empty command.');
}

export function isClosing(command: WorkflowCommand): boolean {
  return Boolean(
    command.completeWorkflowExecution ??
    command.failWorkflowExecution ??
    command.cancelWorkflowExecution ??
    command.continueAsNewWorkflowExecution,
  );
}

/** The server's part, once the task is on record. @throws Error for what the harness does not emulate */
export function carryOut(execution: Execution, command: WorkflowCommand): void {
  const kind = nameOf(command);
  const act = acts[kind];
  if (!act) throw new Error(`The harness does not emulate ${kind}.`);
  act(execution, command);
}

const nothing = () => undefined;

const acts: Partial<Record<Kind, (execution: Execution, command: WorkflowCommand) => void>> = {
  // Core's own: their answers are on record with the task.
  scheduleLocalActivity: nothing,
  requestCancelLocalActivity: nothing,
  cancelSignalWorkflow: nothing,
  modifyWorkflowProperties: nothing,

  scheduleActivity(execution, { scheduleActivity, userMetadata }) {
    if (!scheduleActivity) return;
    const activity = new Activity(execution, scheduleActivity, summaryOf(userMetadata));
    execution.activities.set(scheduleActivity.seq ?? 0, activity);
  },

  requestCancelActivity(execution, { requestCancelActivity }) {
    const activity = execution.activities.get(requestCancelActivity?.seq ?? 0);
    if (!activity) return;
    if (activity.cancellationType !== waitForCompletion) activity.mute();
    if (activity.cancellationType !== abandon) activity.requestCancel();
  },

  startTimer(execution, { startTimer, userMetadata }) {
    const { engine, identity, timers } = execution;
    const seq = startTimer?.seq ?? 0;
    const forMs = inMs(startTimer?.startToFireTimeout) ?? 0;
    const timer = { ...identity, timerId: String(seq) };
    engine.record({ kind: 'timer started', ...timer, forMs, summary: summaryOf(userMetadata) });
    const fire = () => {
      timers.delete(seq);
      engine.record({ kind: 'timer fired', ...timer });
      execution.tell({ variant: 'fireTimer', fireTimer: { seq } }, 1);
    };
    timers.set(seq, engine.clock.after(forMs, fire));
  },

  cancelTimer(execution, { cancelTimer }) {
    const { engine, identity, timers } = execution;
    const seq = cancelTimer?.seq ?? 0;
    execution.tasks.unhear((job) => job.variant === 'fireTimer' && job.fireTimer.seq === seq);
    const timer = timers.get(seq);
    if (!timer) return;
    timer.callOff();
    timers.delete(seq);
    engine.record({ kind: 'timer cancelled', ...identity, timerId: String(seq) });
  },

  startChildWorkflowExecution(execution, { startChildWorkflowExecution: start }) {
    if (start) execution.children.set(start.seq ?? 0, new Child(execution, start));
  },

  cancelChildWorkflowExecution(execution, { cancelChildWorkflowExecution }) {
    const child = execution.children.get(cancelChildWorkflowExecution?.childWorkflowSeq ?? 0);
    if (!child) return;
    const { cancellationType } = child;
    if (cancellationType === cancellationTypes.abandon || cancellationType === cancellationTypes.tryCancel)
      child.mute();
    if (cancellationType !== cancellationTypes.abandon) child.requestCancel();
  },

  signalExternalWorkflowExecution(execution, { signalExternalWorkflowExecution: signal }) {
    if (!signal) return;
    const seq = signal.seq ?? 0;
    const workflowId = signal.childWorkflowId || (signal.workflowExecution?.workflowId ?? '');
    reach(execution, workflowId, signal.workflowExecution?.runId, (target) => {
      target?.signal(signal.signalName ?? '', signal.args ?? []);
      const failure = target ? undefined : notFound('Unable to signal external workflow because it was not found');
      const resolveSignalExternalWorkflow = { seq, failure };
      execution.tell({ variant: 'resolveSignalExternalWorkflow', resolveSignalExternalWorkflow }, 1);
    });
  },

  requestCancelExternalWorkflowExecution(execution, { requestCancelExternalWorkflowExecution: cancel }) {
    const seq = cancel?.seq ?? 0;
    reach(execution, cancel?.workflowExecution?.workflowId ?? '', cancel?.workflowExecution?.runId, (target) => {
      target?.requestCancel();
      const failure = target ? undefined : notFound('Unable to cancel external workflow because not found');
      const resolveRequestCancelExternalWorkflow = { seq, failure };
      execution.tell({ variant: 'resolveRequestCancelExternalWorkflow', resolveRequestCancelExternalWorkflow }, 1);
    });
  },

  setPatchMarker(execution, { setPatchMarker }) {
    execution.engine.record({ kind: 'patch marked', ...execution.identity, patchId: setPatchMarker?.patchId ?? '' });
  },

  upsertWorkflowSearchAttributes(execution, { upsertWorkflowSearchAttributes }) {
    const fields = upsertWorkflowSearchAttributes?.searchAttributes?.indexedFields ?? {};
    execution.searchAttributes = { ...execution.searchAttributes, ...fields };
    execution.engine.record({
      kind: 'search attributes set',
      ...execution.identity,
      attributes: decodedFields(fields),
    });
  },

  updateResponse(execution, { updateResponse }) {
    if (updateResponse)
      execution.updates.get(updateResponse.protocolInstanceId ?? '')?.answered(execution, updateResponse);
  },

  completeWorkflowExecution(execution, { completeWorkflowExecution }) {
    const result = completeWorkflowExecution?.result ?? undefined;
    execution.result = result;
    execution.end({ state: 'completed', result: decoded(result) });
  },

  failWorkflowExecution(execution, { failWorkflowExecution }) {
    const failure = failWorkflowExecution?.failure ?? { message: '' };
    execution.failure = failure;
    execution.end({ state: 'failed', failure: specOf(failure) });
  },

  cancelWorkflowExecution(execution) {
    execution.end({ state: 'cancelled' });
  },

  continueAsNewWorkflowExecution(execution, { continueAsNewWorkflowExecution: next }) {
    const { identity, parent, taskQueue, searchAttributes, memo } = execution;
    const given = next?.searchAttributes?.indexedFields ?? {};
    execution.continueAs({
      workflowId: identity.workflowId,
      workflowType: next?.workflowType || identity.workflowType,
      taskQueue: next?.taskQueue || taskQueue,
      args: next?.arguments ?? [],
      searchAttributes: Object.keys(given).length > 0 ? given : searchAttributes,
      memo: Object.keys(next?.memo ?? {}).length > 0 ? (next?.memo ?? {}) : memo,
      parent,
      continues: execution,
    });
  },
};

/** Does something to another workflow that runs, a while later; to nobody when there is none. */
function reach(
  { engine: { clock, delays, newest } }: Execution,
  workflowId: string,
  runId: string | null | undefined,
  act: (target: Execution | undefined) => void,
): void {
  clock.after(delays.transfer(), () => {
    const target = newest(workflowId);
    const runs = target?.state.state === 'running' && (!runId || runId === target.identity.runId);
    act(runs ? target : undefined);
  });
}

function notFound(message: string) {
  return applicationFailure({ message, type: 'ExternalWorkflowExecutionNotFound' });
}
