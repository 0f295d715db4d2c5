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

/** The record by which an endpoint that was silent at the planning is caught up. */
export function lateRecordId(cycleId: string, endpointId: string): string {
  return `${cycleId}/record-late-${nameIn(endpointId)}`;
}
