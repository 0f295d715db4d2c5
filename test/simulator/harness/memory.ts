/** A workflow in the memory of its worker: opened, brought back by replay, dropped. */
import type { WorkflowInfo } from '@temporalio/workflow';
import { hashOf } from '../../../domain/hash.ts';
import type { Execution } from './execution.ts';
import type { History } from './history.ts';
import { type Instance, emptyAttributes } from './sandbox.ts';

/** Kept from the start: a world may have put another in its place, which the runtime does not take for a date. */
const RealDate = Date;

export class Memory {
  private readonly execution: Execution;
  private instance: Instance | null = null;
  private generation = -1;

  constructor(execution: Execution) {
    this.execution = execution;
  }

  get isWarm(): boolean {
    return this.instance !== null && this.generation === this.execution.queue.generation;
  }

  /**
   * The workflow in memory, rebuilt from its history where it is not.
   * @throws Nondeterminism when the replay asks for something else than is on record
   */
  open(history: History): Instance {
    if (this.instance && this.isWarm) return this.instance;
    this.drop();
    const instance = this.fresh();
    this.instance = instance;
    this.generation = this.execution.queue.generation;
    if (history.length > 0) {
      history.replay(instance);
      const { engine, identity } = this.execution;
      engine.record({ kind: 'workflow replayed', ...identity, activations: history.length });
    }
    return instance;
  }

  get opened(): Instance | null {
    return this.instance;
  }

  drop(): void {
    this.instance?.close();
    this.instance = null;
  }

  private fresh(): Instance {
    const { engine, identity, startedAt } = this.execution;
    return engine.sandbox.open({
      info: infoOf(this.execution),
      randomnessSeed: bytesOf(hashOf(`${engine.seed}/${identity.runId}`)),
      now: startedAt,
    });
  }
}

function infoOf(execution: Execution): WorkflowInfo {
  const { identity, taskQueue, startedAt, parent, firstRunId, continuedFrom } = execution;
  const startTime = new RealDate(startedAt);
  return {
    ...identity,
    searchAttributes: {},
    typedSearchAttributes: emptyAttributes(),
    taskQueue,
    namespace: 'default',
    firstExecutionRunId: firstRunId,
    originalExecutionRunId: identity.runId,
    ...(continuedFrom ? { continuedFromExecutionRunId: continuedFrom } : {}),
    ...(parent ? { parent: { ...parent.parent.identity, namespace: 'default' } } : {}),
    startTime,
    runStartTime: startTime,
    taskTimeoutMs: 10_000,
    attempt: 1,
    historyLength: 3,
    historySize: 0,
    continueAsNewSuggested: false,
    suggestedContinueAsNewReasons: [],
    targetWorkerDeploymentVersionChanged: false,
    currentBuildId: '',
    unsafe: { now: () => 0, isReplaying: false, isReplayingHistoryEvents: false },
  } as unknown as WorkflowInfo;
}

function bytesOf(number: number): readonly number[] {
  return [...number.toString(16).padStart(16, '0').matchAll(/../g)].map(([pair]) => Number.parseInt(pair, 16));
}
