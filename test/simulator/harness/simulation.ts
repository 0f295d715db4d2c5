/** A simulation: workflows as they are, on a virtual clock, with whatever a world lets happen to them. */
import { hashOf } from '../../../domain/hash.ts';
import { Clock } from './clock.ts';
import type { Engine, StartRequest } from './engine.ts';
import { Execution } from './execution.ts';
import { specOf } from './failures.ts';
import type { Latencies, RunEnd, Simulation, SimulationOptions, StartOptions } from './interface.ts';
import { defaultLatencies } from './latencies.ts';
import { decoded, encodedAll } from './payloads.ts';
import { randomFrom } from './random.ts';
import { EventRecord } from './record.ts';
import { wordsOf } from './sandbox.ts';
import { refusalOf, reusePolicies } from './starts.ts';
import { TaskQueue } from './task-queue.ts';
import { Update } from './update.ts';

/** A workflow of this id runs, or may not be repeated. */
export class WorkflowRuns extends Error {
  override readonly name = 'WorkflowRuns';
}

/** No workflow of this id runs. */
export class WorkflowNotFound extends Error {
  override readonly name = 'WorkflowNotFound';
}

/** The workflow refused the question, or could not be asked. */
export class QueryFailed extends Error {
  override readonly name = 'QueryFailed';
}

/** So many events of the clock without a turn of the event loop, in which Node says what workflows left uncaught. */
const eventsPerTurn = 512;

const whenEnded = {
  allow: reusePolicies.allow,
  'allow if failed': reusePolicies.allowIfFailed,
  reject: reusePolicies.reject,
} as const;

export function createSimulation(options: SimulationOptions): Simulation {
  const seed = String(options.seed);
  const clock = new Clock(options.startAt, randomFrom(`${seed}/ties`));
  const record = new EventRecord(clock, options.record, options.keepRecord ?? true);
  const queues = new Map<string, TaskQueue>();
  const newest = new Map<string, Execution>();
  const all: Execution[] = [];
  const postponed: (() => void)[] = [];
  const unsettled: Promise<unknown>[] = [];
  let stepping = false;

  const engine: Engine = {
    seed,
    clock,
    sandbox: options.bundle.sandbox,
    activities: options.activities,
    continueAsNewAfterEvents: options.continueAsNewAfterEvents ?? 4096,
    recordPayloads: options.keepRecord ?? true,
    delays: delaysOf(seed, { ...defaultLatencies, ...options.latencies }),
    deaths: randomFrom(`${seed}/deaths`),
    record: (event) => record.add(event),
    settle(work) {
      if (work instanceof Promise) unsettled.push(work);
    },
    queue(name) {
      const known = queues.get(name) ?? new TaskQueue(name, clock);
      queues.set(name, known);
      return known;
    },
    newest: (workflowId) => newest.get(workflowId),
    begin(order) {
      const { workflowId } = order;
      const runId = hashOf(`${seed}/${workflowId}/${all.length}`).toString(16).padStart(14, '0');
      const execution = new Execution(engine, order, runId);
      newest.set(workflowId, execution);
      all.push(execution);
      return execution;
    },
  };

  const find = (workflowId: string) => {
    const execution = newest.get(workflowId);
    if (!execution) throw new WorkflowNotFound(`There is no workflow ${workflowId}.`);
    return execution;
  };
  const findRunning = (workflowId: string) => {
    const execution = find(workflowId);
    if (execution.state.state !== 'running') throw new WorkflowNotFound(`The workflow ${workflowId} has ended.`);
    return execution;
  };
  const away = (taskQueue: string, forMs: number, how: 'crashed' | 'paused') => {
    const queue = engine.queue(taskQueue);
    record.add({ kind: `workers ${how}`, taskQueue, forMs });
    if (how === 'crashed') queue.die(forMs);
    else queue.rest(forMs);
    const { generation, upAt } = queue;
    if (upAt === Infinity) return;
    clock.at(upAt, () => {
      if (queue.generation === generation) record.add({ kind: 'workers back', taskQueue });
    });
  };

  return {
    now: () => clock.now,
    randomFor: (purpose) => randomFrom(`${seed}/for ${purpose}`),
    events: record.events,
    note: (kind, facts) => record.add({ kind, facts }),

    at: (instant, act) => void clock.at(instant, () => engine.settle(act())),
    after: (ms, act) => void clock.after(ms, () => engine.settle(act())),

    start(workflowType, workflowId, args, wishes: StartOptions = {}) {
      const running = newest.get(workflowId);
      if (running?.state.state === 'running' && wishes.whenRunning === 'use existing') return running.identity.runId;
      const because = refusalOf(engine, workflowId, whenEnded[wishes.whenEnded ?? 'allow']);
      if (because) throw new WorkflowRuns(`${workflowId} cannot be started: ${because}.`);
      const order: StartRequest = {
        workflowType,
        workflowId,
        taskQueue: wishes.taskQueue ?? options.taskQueue,
        args: encodedAll(args),
        searchAttributes: {},
        memo: {},
        parent: null,
        continues: null,
      };
      return engine.begin(order).identity.runId;
    },
    update(workflowId, name, args, updateId) {
      const execution = findRunning(workflowId);
      const id = updateId ?? `update-${record.length + 1}`;
      const known = execution.updates.get(id);
      if (known) return known;
      const update = new Update(id, name, args);
      update.sendTo(execution);
      return update;
    },
    signal: (workflowId, name, args) => findRunning(workflowId).signal(name, encodedAll(args)),
    query(workflowId, name, args = []) {
      const answer = asked(() => find(workflowId).tasks.ask(name, encodedAll(args)));
      if (answer.failed) throw new QueryFailed(specOf(answer.failed).message);
      return decoded(answer.succeeded?.response);
    },
    cancel: (workflowId) => findRunning(workflowId).requestCancel(),
    terminate: (workflowId, because) => findRunning(workflowId).end({ state: 'terminated' }, because),

    crash: (taskQueue, forMs) => betweenEvents(() => away(taskQueue, forMs, 'crashed')),
    pause: (taskQueue, forMs) => betweenEvents(() => away(taskQueue, forMs, 'paused')),
    evict(workflowId) {
      const execution = findRunning(workflowId);
      betweenEvents(() => execution.tasks.evict());
    },
    jump: (ms) =>
      betweenEvents(() => {
        clock.jump(ms);
        record.add({ kind: 'clock jumped', byMs: ms });
      }),

    async run({ until, horizonMs = Infinity } = {}): Promise<RunEnd> {
      const horizon = clock.now + horizonMs;
      record.deliver();
      for (let events = 1; ; events += 1) {
        if (until?.()) return settled('until');
        const { nextAt } = clock;
        if (nextAt === undefined) return settled('idle');
        if (nextAt > horizon) return settled('horizon');
        stepping = true;
        clock.step();
        while (unsettled.length > 0) await Promise.all(unsettled.splice(0));
        stepping = false;
        if (postponed.length > 0) for (const order of postponed.splice(0)) order();
        record.deliver();
        if (events % eventsPerTurn === 0) await engine.sandbox.turn();
      }
    },

    resultOf: (workflowId) => newest.get(workflowId)?.state,
    running: () =>
      [...newest.values()]
        .filter((execution) => execution.state.state === 'running')
        .map((execution) => execution.identity.workflowId)
        .toSorted(),
    shown(workflowId) {
      const { details, shownAttributes } = find(workflowId);
      return { details, searchAttributes: shownAttributes };
    },
    dispose() {
      for (const execution of all) execution.tasks.dispose();
      engine.sandbox.assertUntouched();
    },
  };

  function betweenEvents(order: () => void): void {
    if (stepping) postponed.push(order);
    else order();
  }

  async function settled(end: RunEnd): Promise<RunEnd> {
    await engine.sandbox.turn();
    return end;
  }
}

function asked<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    throw new QueryFailed(wordsOf(error));
  }
}

function delaysOf(seed: string, latencies: Latencies): Engine['delays'] {
  const drawn = (name: keyof Latencies) => {
    const random = randomFrom(`${seed}/delays of ${name}`);
    return () => latencies[name](random);
  };
  return {
    workflowTaskStart: drawn('workflowTaskStart'),
    workflowTaskEnd: drawn('workflowTaskEnd'),
    activityStart: drawn('activityStart'),
    transfer: drawn('transfer'),
  };
}
