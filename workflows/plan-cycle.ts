/** What a schedule starts: one cycle for the policy's civil date, or none when that date has one already. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import { patchCycle } from './patch-cycle.ts';
import { cycleAttributes } from './search-attributes.ts';
import { control } from './stubs.ts';

export async function planCycle(request: { readonly clientId: string; readonly policyName: string }): Promise<string> {
  const planned = await control.planScheduledCycle(request);
  if (!planned.input) return planned.because;
  try {
    await startChild(patchCycle, {
      workflowId: planned.input.cycleId,
      args: [planned.input],
      staticSummary: `${request.policyName} of ${request.clientId}, ${planned.input.civilDate}`,
      typedSearchAttributes: cycleAttributes(planned.input),
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
    return `started ${planned.input.cycleId}`;
  } catch (failure) {
    if (failure instanceof WorkflowExecutionAlreadyStartedError) return `${planned.input.cycleId} is under way`;
    throw failure;
  }
}
