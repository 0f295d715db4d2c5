/**
 * The activities that the workflows of a simulation call: the product's own, over a world in memory. So a rule that an
 * activity holds is tried here as it ships; only what takes time, or looks at the clock while it waits, is written
 * again.
 */
import { ApplicationFailure } from '@temporalio/common';
import { asyncLocalStorage } from '@temporalio/activity';
import { type Expectation, type OperationInput, operationIdOf } from '../../../activities/site/agents.ts';
import {
  type ControlActivities,
  type ControlPorts,
  type SiteActivities,
  type SitePorts,
  controlActivities,
  siteActivities,
} from '../../../activities/index.ts';
import { notYet } from '../../../activities/failures.ts';
import type { AgentIdentity } from '../../../activities/ports/agent.ts';
import type {
  ActivityFunction,
  ActivityTable,
  Answer,
  Attempt,
  FailureSpec,
  Outcome,
  Random,
} from '../harness/interface.ts';
import type { Fleet } from './agents.ts';
import type { Machine } from './machine.ts';
import { NotModelled } from './not-modelled.ts';
import type { Recorder } from './record.ts';

export type ActivityWorld = {
  readonly control: ControlPorts;
  readonly site: SitePorts;
  readonly fleet: Fleet;
  readonly record: Recorder;
  readonly random: Random;
  readonly isDatabaseAway: () => boolean;
  /** How often an answer is lost, from 0 to 1. */
  readonly answersLost: number;
};

type Act = (...input: readonly unknown[]) => Promise<unknown>;

/** Everything that is about one endpoint waits for its agent, and hangs when that hangs. */
export function activitiesOf(world: ActivityWorld): ActivityTable {
  const control: ControlActivities = controlActivities(world.control);
  const site: SiteActivities = siteActivities(world.site);
  const table: Record<string, ActivityFunction> = {};
  for (const [name, act] of Object.entries(control)) table[name] = inDatabase(world, name, act as Act);
  for (const [name, act] of Object.entries(site)) table[name] = onSite(world, name, act as Act);
  table['observeEndpoint'] = observing(world, (input) =>
    site.observeEndpoint(input as Parameters<SiteActivities['observeEndpoint']>[0]),
  );
  table['carryOutOperation'] = submitting(world, (input) => site.carryOutOperation(input as OperationInput));
  return table;
}

/** A query or two: some milliseconds, and a failure while the database is away. */
function inDatabase(world: ActivityWorld, name: string, act: Act): ActivityFunction {
  return (input, attempt) => ({
    afterMs: 2 + Math.floor(world.random() * 20),
    ...loss(world, attempt),
    end: () => {
      if (world.isDatabaseAway()) return { failure: { message: 'the database does not answer', type: 'Error' } };
      return answerOf(world, name, attempt, () => act(...input));
    },
  });
}

function onSite(world: ActivityWorld, name: string, act: Act): ActivityFunction {
  return (input, attempt) => {
    const machine = machineIn(world, input);
    if (machine?.isHanging()) return hangs(world);
    const end = () => answerOf(world, name, attempt, () => act(...input));
    return { afterMs: latency(world, machine), ...loss(world, attempt), end };
  };
}

/** Looks when what is expected to work has had the time to come up, as the product does by looking again and again. */
function observing(world: ActivityWorld, act: Act): ActivityFunction {
  return (input, attempt) => {
    const machine = machineIn(world, input);
    if (machine?.isHanging()) return hangs(world);
    const [question] = input as [{ expect: Expectation | null }];
    const untilSettled = machine && question.expect ? Math.max(0, machine.settledAt() - attempt.now) : 0;
    const patience = (question.expect?.settleSeconds ?? 0) * 1000;
    const end = () => answerOf(world, 'observeEndpoint', attempt, () => act({ ...question, expect: null }));
    return { afterMs: Math.min(untilSettled, patience) + latency(world, machine), ...loss(world, attempt), end };
  };
}

/** The order reaches the agent soon; its answer may come late. */
function submitting(world: ActivityWorld, act: Act): ActivityFunction {
  return (input, attempt) => {
    const machine = machineIn(world, input);
    if (machine?.isHanging()) return hangs(world);
    const [operation] = input as [OperationInput];
    const { endpointId } = operation.endpoint;
    const operationId = operationIdOf({ ...operation, endpointId });
    if (attempt.attempt === 1)
      world.record({ fact: 'purpose', endpointId, operationId, cycleId: operation.cycleId, step: operation.step });
    const onItsWay = 5 + Math.floor(world.random() * 100);
    let answer: Promise<Answer> | null = null;
    attempt.later(onItsWay, () => {
      answer = answerOf(world, 'carryOutOperation', attempt, () => act(...input));
    });
    const end = () => answer ?? answerOf(world, 'carryOutOperation', attempt, () => act(...input));
    return { afterMs: onItsWay + latency(world, machine), ...loss(world, attempt), end };
  };
}

/** What an attempt came to, as Temporal is told. A failure that nobody foresaw is put on record: the product broke. */
async function answerOf(
  world: ActivityWorld,
  name: string,
  attempt: Attempt,
  act: () => Promise<unknown>,
): Promise<Answer> {
  try {
    return { result: await asyncLocalStorage.run(contextOf(name, attempt), act) };
  } catch (failure) {
    if (failure instanceof NotModelled) throw failure;
    const isOurs = failure instanceof ApplicationFailure && !mistakes.has(failure.type ?? '');
    if (!isOurs) world.record({ fact: 'broke', activity: name, because: String(failure) });
    return { failure: specOf(failure) };
  }
}

const mistakes: ReadonlySet<string> = new Set(['TypeError', 'RangeError', 'SyntaxError']);

function specOf(failure: unknown): FailureSpec {
  if (!(failure instanceof ApplicationFailure)) return { message: String(failure), type: 'Error' };
  const { message, type, nonRetryable, nextRetryDelay, category } = failure;
  return {
    message: message ?? '',
    ...(type ? { type } : {}),
    nonRetryable: nonRetryable ?? false,
    ...(typeof nextRetryDelay === 'number' ? { nextRetryDelayMs: nextRetryDelay } : {}),
    benign: category === 'BENIGN',
  };
}

/** These ask again and again within one attempt; here the attempt ends at once, and the next asks after as long. */
const watching: ReadonlySet<string> = new Set(['carryOutOperation', 'followOperation']);
const watchMilliseconds = 2000;
/** Nothing here is cancelled, nor waits for it. */
const neverCancelled = { signal: new AbortController().signal, promise: new Promise<never>(() => {}) };

/** As much of Temporal's context of an activity as the product asks for. */
function contextOf(
  name: string,
  { attempt, scheduledAt }: Attempt,
): NonNullable<ReturnType<typeof asyncLocalStorage.getStore>> {
  const context = {
    info: { attempt, scheduledTimestampMs: scheduledAt },
    cancellationSignal: neverCancelled.signal,
    cancelled: neverCancelled.promise,
    heartbeat: () => {},
    sleep: () => {
      if (watching.has(name)) throw notYet('it is under way', watchMilliseconds);
      throw new NotModelled(`${name} sleeps: write it again in test/simulator/world/activities.ts`);
    },
  };
  return context as unknown as NonNullable<ReturnType<typeof asyncLocalStorage.getStore>>;
}

function hangs(world: ActivityWorld): Outcome {
  world.record({ fact: 'fault', fault: 'agent hangs' });
  return { never: true, beats: true };
}

function loss(world: ActivityWorld, attempt: Attempt): { readonly answerLost?: 'silent' | 'beating' } {
  if (attempt.local || world.random() >= world.answersLost) return {};
  world.record({ fact: 'fault', fault: 'answer lost' });
  return { answerLost: world.random() < 0.5 ? 'silent' : 'beating' };
}

function latency({ random, record }: ActivityWorld, machine: Machine | null): number {
  const atMost = machine?.facts.faults.lateMilliseconds ?? 250;
  if (atMost > 1000) record({ fact: 'fault', fault: 'agent answers late' });
  return 5 + Math.floor(random() * atMost);
}

/** The machine that an activity is about; null when it is about none or several. */
function machineIn({ fleet }: ActivityWorld, [input]: readonly unknown[]): Machine | null {
  const { agent, endpoint } = (input ?? {}) as { agent?: AgentIdentity; endpoint?: AgentIdentity };
  const endpointId = (agent ?? endpoint)?.endpointId;
  return (endpointId !== undefined && fleet.get(endpointId)) || null;
}
