import type { EndpointOutcome, WaitingFor } from './saga.ts';
import type { OperationReport } from './operation.ts';
import type { Evidence } from './evidence.ts';

/** How the work on one endpoint ended, with what was observed. Null as an outcome: it has not ended, it waits. */
export type EndpointEnd = {
  readonly outcome: EndpointOutcome | null;
  readonly waitingFor: WaitingFor | null;
  readonly because: readonly string[];
  readonly packagesAtFault: readonly string[];
  /** What was carried out on it, in order, by the agent's own account. */
  readonly operations: readonly OperationReport[];
  readonly before: Evidence | null;
  readonly after: Evidence | null;
  /** Null when none was taken. */
  readonly snapshotId: string | null;
  /** Where the failed state's evidence was kept; null when nothing was rolled back. */
  readonly evidenceOfFailedState: string | null;
};
