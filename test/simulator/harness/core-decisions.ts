/**
 * Core's part of a workflow's commands, while its task is open: begins local activities, takes back what was not sent
 * yet, and answers at once where the workflow does not wait for the end of what it cancels.
 */
import type { coresdk } from '@temporalio/proto';
import { cancelledActivity } from './activity.ts';
import { cancellationTypes } from './child.ts';
import type { Execution } from './execution.ts';
import { cancelledFailure, childFailure } from './failures.ts';
import type { ActivationJob } from './jobs.ts';
import { LocalActivity } from './local-activity.ts';
import type { WorkflowCommand } from './sandbox.ts';
import type { OpenTask } from './workflow-tasks.ts';

/** By the numbers of the protocol. */
const waitForCompletion = 1;

/** What core answers to these commands before the server has them. */
export function decideAtOnce(
  execution: Execution,
  task: OpenTask,
  commands: readonly WorkflowCommand[],
): readonly ActivationJob[] {
  const answers: ActivationJob[] = [];
  for (const command of commands) {
    if (command.scheduleLocalActivity) {
      const local = new LocalActivity(execution, command);
      execution.locals.set(local.seq, local);
    }
    const answer = answerAtOnce(execution, task, command);
    if (answer) answers.push(answer);
  }
  return answers;
}

function answerAtOnce(execution: Execution, task: OpenTask, command: WorkflowCommand): ActivationJob | null {
  if (command.requestCancelLocalActivity) {
    const seq = command.requestCancelLocalActivity.seq ?? 0;
    const local = execution.locals.get(seq);
    execution.locals.delete(seq);
    return local ? resolveActivity(seq, local.cancel(), true) : null;
  }
  if (command.requestCancelActivity)
    return cancelActivity(execution, task, command, command.requestCancelActivity.seq ?? 0);
  if (command.cancelChildWorkflowExecution)
    return cancelChild(execution, task, command, command.cancelChildWorkflowExecution.childWorkflowSeq ?? 0);
  if (command.cancelSignalWorkflow) {
    const seq = command.cancelSignalWorkflow.seq ?? 0;
    if (!takeBack(task, command, (sent) => sent.signalExternalWorkflowExecution?.seq === seq)) return null;
    const failure = cancelledFailure('Signal was cancelled before being sent');
    return { variant: 'resolveSignalExternalWorkflow', resolveSignalExternalWorkflow: { seq, failure } };
  }
  return null;
}

function cancelActivity(
  execution: Execution,
  task: OpenTask,
  command: WorkflowCommand,
  seq: number,
): ActivationJob | null {
  const unsent = takeBack(task, command, (sent) => sent.scheduleActivity?.seq === seq)?.scheduleActivity;
  if (unsent) {
    const facts = { activityType: unsent.activityType ?? '', activityId: unsent.activityId ?? '' };
    return resolveActivity(seq, { cancelled: { failure: cancelledActivity(facts) } }, false);
  }
  const activity = execution.activities.get(seq);
  if (!activity || activity.cancellationType === waitForCompletion) return null;
  return resolveActivity(seq, { cancelled: { failure: cancelledActivity(activity.facts) } }, false);
}

function cancelChild(
  execution: Execution,
  task: OpenTask,
  command: WorkflowCommand,
  seq: number,
): ActivationJob | null {
  const unsent = takeBack(task, command, (sent) => sent.startChildWorkflowExecution?.seq === seq);
  if (unsent) {
    const { workflowId, workflowType } = unsent.startChildWorkflowExecution ?? {};
    const failure = childFailure(
      'Child Workflow Execution cancelled before scheduled',
      { workflowId: workflowId ?? '', workflowType: workflowType ?? '', runId: '' },
      cancelledFailure(),
    );
    return {
      variant: 'resolveChildWorkflowExecutionStart',
      resolveChildWorkflowExecutionStart: { seq, cancelled: { failure } },
    };
  }
  const child = execution.children.get(seq);
  const waits: readonly number[] = [cancellationTypes.waitCompleted, cancellationTypes.waitRequested];
  if (!child || waits.includes(child.cancellationType)) return null;
  return {
    variant: 'resolveChildWorkflowExecution',
    resolveChildWorkflowExecution: { seq, result: child.cancelled() },
  };
}

/** Takes a command that the server has not seen out of the task, together with the one that cancels it. */
function takeBack(
  task: OpenTask,
  cancel: WorkflowCommand,
  isMeant: (sent: WorkflowCommand) => boolean,
): WorkflowCommand | undefined {
  const meant = task.commands.find((sent) => isMeant(sent));
  if (meant) task.commands = task.commands.filter((sent) => sent !== meant && sent !== cancel);
  return meant;
}

function resolveActivity(
  seq: number,
  result: coresdk.activity_result.IActivityResolution,
  isLocal: boolean,
): ActivationJob {
  return { variant: 'resolveActivity', resolveActivity: { seq, result, isLocal } };
}
