/** The task queue of a site's worker. One queue for each site: its worker stands on the client's network. */
export function siteTaskQueue(siteId: string): string {
  return `site/${siteId}`;
}

/** The site of an endpoint, by the task queue of its site's worker. */
export function siteOf({ taskQueue }: { readonly taskQueue: string }): string {
  return taskQueue.slice('site/'.length);
}

/** The task queue of workflows and of everything that needs the database. */
export const controlTaskQueue = 'control';

export function cycleIdOf(cycle: { clientId: string; policyName: string; civilDate: string; number: number }): string {
  const id = `cycle/${cycle.clientId}/${cycle.policyName}/${cycle.civilDate}`;
  return cycle.number === 1 ? id : `${id}/${cycle.number}`;
}

export function emergencyIdOf(emergency: { clientId: string; advisory: string }): string {
  return `emergency/${emergency.clientId}/${emergency.advisory}`;
}

/** The next order of a cycle to roll something back. */
export function rollbackIdOf({ cycleId, number }: { cycleId: string; number: number }): string {
  return `rollback/${cycleId}/${number}`;
}

/** Whether what a person named is an order to roll back, and no cycle. */
export function isRollbackId(id: string): boolean {
  return id.startsWith('rollback/');
}

/** The workflow that works on an endpoint: its id is the endpoint's lock, over all cycles. */
export function endpointWorkflowId({ clientId, endpointId }: { clientId: string; endpointId: string }): string {
  return `endpoint/${clientId}/${endpointId}`;
}

export function ringWorkflowId({ cycleId, ring }: { cycleId: string; ring: string }): string {
  return `ring/${cycleId}/${ring}`;
}

export function catchUpWorkflowId({ cycleId, endpointId }: { cycleId: string; endpointId: string }): string {
  return `catch-up/${cycleId}/${endpointId}`;
}

export function sandboxWorkflowId({ sandboxId }: { sandboxId: string }): string {
  return `sandbox/${sandboxId}`;
}

export function surveyWorkflowId(survey: { cycleId: string; siteId: string; step: string; subject: string }): string {
  return `survey/${survey.cycleId}/${survey.siteId}/${survey.step}/${survey.subject}`;
}

export function cleanUpWorkflowId({ siteId }: { siteId: string }): string {
  return `clean-up/${siteId}`;
}

/** The workflow that closes a cycle whose own is gone. */
export function closeWorkflowId({ cycleId }: { cycleId: string }): string {
  return `close/${cycleId}`;
}

/** Whose cycle it is: ids carry their client. */
export function clientIdOf(cycleId: string): string {
  const clientId = cycleId.split('/')[1];
  if (!clientId) throw new Error(`${cycleId} is not the id of a cycle`);
  return clientId;
}

/** Ids of sites and endpoints are unique over all clients and fit a certificate: `berlin-web-1.acme`. */
export function idIn(clientId: string, name: string): string {
  return `${name}.${clientId}`;
}

/** The name within its client: `berlin-web-1` of `berlin-web-1.acme`. */
export function nameIn(id: string): string {
  return id.slice(0, id.lastIndexOf('.'));
}

/** A change record of a cycle: the first of it has no successor's number. */
export function changeRecordId(cycleId: string, successor = 0): string {
  return `${cycleId}/record-${successor + 1}`;
}

export function successorId(cycleId: string, number: number): string {
  return `${cycleId}/successor-${number}`;
}

/** The record by which an endpoint that was silent at the planning is caught up. */
export function lateRecordId(cycleId: string, endpointId: string): string {
  return `${cycleId}/record-late-${nameIn(endpointId)}`;
}
