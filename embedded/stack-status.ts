import { isRunning } from './process-identity.ts';
import { type ProcessRecord, readStackRecord } from './stack-state.ts';

export type StackStatus = {
  /** `unsupervised`: the supervisor was lost, and something it started still runs. `patchcycle up` repairs it. */
  readonly state: 'up' | 'down' | 'unsupervised';
  readonly supervisorPid: number | null;
  readonly processes: readonly ProcessStatus[];
};

export type ProcessStatus = Pick<ProcessRecord, 'name' | 'role' | 'restarts' | 'log'> & {
  /** Null while it does not run. */
  readonly pid: number | null;
  readonly state: ProcessRecord['state'] | 'ended';
  readonly startedAt: string | null;
  readonly lastEnd: string | null;
};

/** What runs, from the supervisor's record and the system's own word on each pid. */
export function stackStatus(stateDirectory: string): StackStatus {
  const record = readStackRecord(stateDirectory);
  if (record === undefined) return { state: 'down', supervisorPid: null, processes: [] };
  const processes = record.processes.map(processStatus);
  if (isRunning(record.supervisor)) return { state: 'up', supervisorPid: record.supervisor.pid, processes };
  const state = processes.some(({ pid }) => pid !== null) ? 'unsupervised' : 'down';
  return { state, supervisorPid: null, processes };
}

function processStatus(record: ProcessRecord): ProcessStatus {
  const { name, role, restarts, log, identity, startedAt, lastEnd, state } = record;
  const runs = identity !== undefined && isRunning(identity);
  return {
    name,
    role,
    pid: runs ? identity.pid : null,
    state: runs || state === 'waiting' ? state : 'ended',
    startedAt: startedAt ?? null,
    restarts,
    lastEnd: lastEnd ?? null,
    log,
  };
}
