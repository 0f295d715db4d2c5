import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { echoes, ran, simulated, startAt } from './fixtures/simulated.ts';
import type { ActivityFunction, Attempt, Outcome, RecordedEvent } from './interface.ts';

const second = 1000;

/** An activity that keeps every attempt it saw. */
function acting(outcome: (attempt: Attempt) => Outcome) {
  const attempts: Attempt[] = [];
  const act: ActivityFunction = (_, attempt) => {
    attempts.push(attempt);
    return outcome(attempt);
  };
  return { attempts, activities: { ...echoes, act } };
}

const passing = (message = 'not now') => ({ message, type: 'Passing' });

function ends(events: readonly RecordedEvent[]) {
  return events.flatMap((event) =>
    event.kind === 'activity ended' ? [{ ...event, seconds: (event.at - startAt) / 1000 }] : [],
  );
}

describe('an activity', () => {
  test('gets its input, and the workflow its result', async () => {
    const { attempts, activities } = acting(() => ({ afterMs: 2 * second, result: { answer: 42 } }));
    const simulation = await simulated(activities);
    const result = await ran(simulation, 'oneActivity', { startToCloseTimeout: '1 minute', summary: 'asks' }, 'x');
    expect(result).toEqual({ result: { answer: 42 } });
    expect(attempts).toMatchObject([
      { attempt: 1, taskQueue: 'control', workflowId: 'oneActivity', summary: 'asks', local: false },
    ]);
    expect(ends(simulation.events)).toMatchObject([{ ended: 'completed', seconds: 2, attempts: 1 }]);
  });

  test('decides at its end when it has an end', async () => {
    let world = 'before';
    const { activities } = acting(({ later }) => {
      later(second, () => {
        world = 'meanwhile';
      });
      return { afterMs: 2 * second, end: () => ({ result: world }) };
    });
    expect(await ran(await simulated(activities), 'oneActivity', { startToCloseTimeout: '1 minute' })).toEqual({
      result: 'meanwhile',
    });
  });

  test('may promise its outcome and its end: they take no virtual time', async () => {
    const said: string[] = [];
    const act: ActivityFunction = async (_, { later }) => {
      await Promise.resolve();
      later(second, async () => {
        await Promise.resolve();
        said.push('meanwhile');
      });
      return {
        afterMs: 2 * second,
        async end(now) {
          for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
          return { result: [...said, now - startAt] };
        },
      };
    };
    const simulation = await simulated({ ...echoes, act });
    expect(await ran(simulation, 'oneActivity', { startToCloseTimeout: '1 minute' })).toEqual({
      result: ['meanwhile', 2 * second],
    });
    const failing: ActivityFunction = async () => {
      throw ApplicationFailure.nonRetryable('promised', 'Refused');
    };
    const broken = await simulated({ ...echoes, act: failing });
    expect(await ran(broken, 'oneActivity', { startToCloseTimeout: '1 minute' })).toEqual({
      failure: 'activity act, NON_RETRYABLE_FAILURE: Refused: promised',
    });
  });

  test('that promises and breaks it is a fault of the world', async () => {
    const act: ActivityFunction = () => ({ afterMs: 5, end: () => Promise.reject(new TypeError('broken promise')) });
    const simulation = await simulated({ ...echoes, act });
    await expect(ran(simulation, 'oneActivity', { startToCloseTimeout: '1 minute' })).rejects.toThrow('broken promise');
  });

  test('is tried again by the policy: the pause grows up to its limit', async () => {
    const { attempts, activities } = acting(({ attempt }) =>
      attempt < 6 ? { afterMs: 0, failure: passing() } : { afterMs: 0, result: 'at last' },
    );
    const retry = { initialInterval: '1 second', backoffCoefficient: 3, maximumInterval: '20 seconds' };
    const result = await ran(await simulated(activities), 'oneActivity', { startToCloseTimeout: '1 minute', retry });
    expect(result).toEqual({ result: 'at last' });
    expect(attempts.map(({ now }) => (now - startAt) / second)).toEqual([0, 1, 4, 13, 33, 53]);
  });

  test('says itself when to try again', async () => {
    const { attempts, activities } = acting(({ attempt }) =>
      attempt < 3 ? { afterMs: 0, failure: { ...passing(), nextRetryDelayMs: 70 * second } } : { afterMs: 0 },
    );
    await ran(await simulated(activities), 'oneActivity', { startToCloseTimeout: '1 minute' });
    expect(attempts.map(({ now }) => (now - startAt) / second)).toEqual([0, 70, 140]);
  });

  test.for([
    ['says that it is of no use', {}, { nonRetryable: true }, 1, 'NON_RETRYABLE_FAILURE'],
    [
      'fails in a way that the policy does not repeat',
      { nonRetryableErrorTypes: ['Passing'] },
      {},
      1,
      'NON_RETRYABLE_FAILURE',
    ],
    ['has used up its attempts', { maximumAttempts: 3 }, {}, 3, 'MAXIMUM_ATTEMPTS_REACHED'],
  ] as const)('is not tried again when it %s', async ([, retry, failure, attempts, because]) => {
    const acted = acting(() => ({ afterMs: 0, failure: { ...passing('no'), ...failure } }));
    const result = await ran(await simulated(acted.activities), 'oneActivity', {
      startToCloseTimeout: '1 minute',
      retry,
    });
    expect(result).toEqual({ failure: `activity act, ${because}: Passing: no` });
    expect(acted.attempts).toHaveLength(attempts);
  });

  test('fails by an ApplicationFailure that it throws', async () => {
    const { activities } = acting(() => {
      throw ApplicationFailure.nonRetryable('thrown', 'Refused');
    });
    expect(await ran(await simulated(activities), 'oneActivity', { startToCloseTimeout: '1 minute' })).toEqual({
      failure: 'activity act, NON_RETRYABLE_FAILURE: Refused: thrown',
    });
  });

  test('that throws anything else is a fault of the world, and ends the simulation', async () => {
    const { activities } = acting(() => {
      throw new TypeError('the world is broken');
    });
    await expect(ran(await simulated(activities), 'oneActivity', { startToCloseTimeout: '1 minute' })).rejects.toThrow(
      'the world is broken',
    );
  });

  test('that nobody has is named', async () => {
    await expect(ran(await simulated({}), 'oneActivity', { startToCloseTimeout: '1 minute' })).rejects.toThrow(
      'no activity act',
    );
  });
});

describe('a time-out', () => {
  const hangs = acting(() => ({ never: true })).activities;
  const hangsBeating = acting(() => ({ never: true, beats: true })).activities;
  const once = { maximumAttempts: 1 };

  test.for([
    [
      'start to close',
      hangs,
      { startToCloseTimeout: '5 seconds', retry: once },
      5,
      'START_TO_CLOSE',
      'MAXIMUM_ATTEMPTS_REACHED',
    ],
    [
      'heartbeat',
      hangs,
      { startToCloseTimeout: '5 minutes', heartbeatTimeout: '7 seconds', retry: once },
      7,
      'HEARTBEAT',
      'MAXIMUM_ATTEMPTS_REACHED',
    ],
    [
      'start to close, when it goes on beating',
      hangsBeating,
      { startToCloseTimeout: '50 seconds', heartbeatTimeout: '7 seconds', retry: once },
      50,
      'START_TO_CLOSE',
      'MAXIMUM_ATTEMPTS_REACHED',
    ],
    ['schedule to close', hangs, { scheduleToCloseTimeout: '9 seconds' }, 9, 'SCHEDULE_TO_CLOSE', 'TIMEOUT'],
  ] as const)('%s', async ([, activities, options, seconds, type, because]) => {
    const simulation = await simulated(activities);
    expect(await ran(simulation, 'oneActivity', options)).toEqual({
      failure: `activity act, ${because}: timed out, ${type}`,
    });
    expect(ends(simulation.events)).toMatchObject([{ seconds, ended: 'timed out' }]);
  });

  test('schedule to start ticks while the worker is down, and is not tried again', async () => {
    const simulation = await simulated();
    simulation.crash('site', 60 * second);
    const options = { startToCloseTimeout: '1 minute', scheduleToStartTimeout: '2 seconds', taskQueue: 'site' };
    expect(await ran(simulation, 'oneActivity', options)).toEqual({
      failure: 'activity act, TIMEOUT: timed out, SCHEDULE_TO_START',
    });
    expect(ends(simulation.events)).toMatchObject([{ seconds: 2, attempts: 1 }]);
  });

  test('schedule to start counts for each attempt from its own place in the queue', async () => {
    const { attempts, activities } = acting(({ attempt }) =>
      attempt < 4
        ? { afterMs: 0, failure: { ...passing(), nextRetryDelayMs: 5 * second } }
        : { afterMs: 0, result: 'done' },
    );
    const options = { startToCloseTimeout: '1 minute', scheduleToStartTimeout: '2 seconds' };
    expect(await ran(await simulated(activities), 'oneActivity', options)).toEqual({ result: 'done' });
    expect(attempts.map(({ attemptScheduledAt }) => (attemptScheduledAt - startAt) / second)).toEqual([0, 5, 10, 15]);
  });

  test('a worker that comes back in time takes it up', async () => {
    const simulation = await simulated();
    simulation.crash('site', 60 * second);
    const options = { startToCloseTimeout: '1 minute', taskQueue: 'site' };
    expect(await ran(simulation, 'oneActivity', options, 'x')).toEqual({ result: 'x' });
    expect(ends(simulation.events)).toMatchObject([{ seconds: 60.1 }]);
  });

  test('start to close is tried again', async () => {
    const { attempts, activities } = acting(({ attempt }) =>
      attempt === 1 ? { never: true } : { afterMs: 0, result: 'second' },
    );
    expect(await ran(await simulated(activities), 'oneActivity', { startToCloseTimeout: '5 seconds' })).toEqual({
      result: 'second',
    });
    expect(attempts.map(({ now }) => (now - startAt) / second)).toEqual([0, 6]);
  });

  test('no attempt is begun that could not begin before the time of the whole is over', async () => {
    const { attempts, activities } = acting(() => ({ afterMs: 0, failure: passing('still not') }));
    const options = { scheduleToCloseTimeout: '10 seconds', retry: { initialInterval: '4 seconds' } };
    expect(await ran(await simulated(activities), 'oneActivity', options)).toEqual({
      failure: 'activity act, TIMEOUT: Passing: still not',
    });
    expect(attempts).toHaveLength(2);
  });

  test('does not undo what the worker does too late: its answer is for nobody', async () => {
    let done = 0;
    const { activities } = acting(({ attempt }) => ({
      afterMs: attempt === 1 ? 8 * second : second,
      end: () => {
        done += 1;
        return { result: `attempt ${attempt}` };
      },
    }));
    const simulation = await simulated(activities);
    expect(await ran(simulation, 'oneActivity', { startToCloseTimeout: '5 seconds' })).toEqual({ result: 'attempt 2' });
    expect(done).toBe(2);
    expect(simulation.events.filter((event) => event.kind === 'activity attempt ended')).toMatchObject([
      { attempt: 1, ended: 'timed out' },
      { attempt: 2, ended: 'completed' },
      { attempt: 1, ended: 'lost' },
    ]);
  });
});

describe('a lost answer', () => {
  test.for([
    ['silent', 'HEARTBEAT', 4],
    ['beating', 'START_TO_CLOSE', 30],
  ] as const)(
    'of a worker that goes on %s is noticed by %s, and what it did stands',
    async ([answerLost, , seconds]) => {
      const did: number[] = [];
      const { attempts, activities } = acting(({ attempt }) => ({
        afterMs: second,
        ...(attempt === 1 ? { answerLost } : {}),
        end: () => {
          did.push(attempt);
          return { result: attempt };
        },
      }));
      const options = {
        startToCloseTimeout: '30 seconds',
        heartbeatTimeout: '3 seconds',
        retry: { initialInterval: '1 second' },
      };
      expect(await ran(await simulated(activities), 'oneActivity', options)).toEqual({ result: 2 });
      expect(did).toEqual([1, 2]);
      expect(attempts.map(({ now }) => (now - startAt) / second)).toEqual([0, seconds + 1]);
    },
  );
});

describe('a local activity', () => {
  test('runs in the workflow task: what follows from it is on record with it', async () => {
    const simulation = await simulated();
    expect(await ran(simulation, 'localThenActivity')).toBe('other permit');
    expect(simulation.events.filter((event) => event.kind === 'workflow task completed')).toMatchObject([
      { commands: ['scheduleLocalActivity', 'scheduleActivity'], jobs: ['initializeWorkflow', 'resolveActivity'] },
      { commands: ['completeWorkflowExecution'] },
    ]);
  });

  test('is tried again by its worker', async () => {
    const { attempts, activities } = acting(({ attempt }) =>
      attempt < 4 ? { afterMs: 0, failure: passing() } : { afterMs: 0, result: 'now' },
    );
    const retry = { initialInterval: '200 milliseconds', maximumInterval: '5 seconds' };
    expect(
      await ran(await simulated(activities), 'oneLocalActivity', { startToCloseTimeout: '10 seconds', retry }),
    ).toEqual({
      result: 'now',
    });
    expect(attempts.map(({ now }) => now - startAt)).toEqual([0, 200, 600, 1400]);
  });

  test('that has to wait long waits by a timer of its workflow', async () => {
    const { attempts, activities } = acting(({ attempt }) =>
      attempt < 2
        ? { afterMs: 0, failure: { ...passing(), nextRetryDelayMs: 300 * second } }
        : { afterMs: 0, result: 'now' },
    );
    const simulation = await simulated(activities);
    expect(await ran(simulation, 'oneLocalActivity', { startToCloseTimeout: '10 seconds' })).toEqual({ result: 'now' });
    expect(attempts.map(({ now, attempt }) => [(now - startAt) / second, attempt])).toEqual([
      [0, 1],
      [300, 2],
    ]);
    expect(simulation.events.some((event) => event.kind === 'timer fired')).toBe(true);
  });

  test('keeps its task open beyond the server’s patience', async () => {
    const { activities } = acting(() => ({ afterMs: 25 * second, result: 'slow' }));
    const simulation = await simulated(activities);
    expect(await ran(simulation, 'oneLocalActivity', { startToCloseTimeout: '1 minute' })).toEqual({ result: 'slow' });
    const tasks = simulation.events.filter((event) => event.kind === 'workflow task completed');
    expect(tasks.map(({ at }) => (at - startAt) / second)).toEqual([8, 16, 24, 25]);
  });

  test('times out', async () => {
    const { activities } = acting(() => ({ never: true }));
    const options = { startToCloseTimeout: '5 seconds', retry: { maximumAttempts: 1 } };
    expect(await ran(await simulated(activities), 'oneLocalActivity', options)).toEqual({
      failure: 'activity act, CANCEL_REQUESTED: timed out, START_TO_CLOSE',
    });
  });

  test('is done again with its task when its workflow would end without what happened meanwhile', async () => {
    const { activities } = acting(() => ({ afterMs: 3 * second, result: 'too late' }));
    const simulation = await simulated(activities);
    simulation.after(second, () => simulation.signal('cancelsALocalActivity', 'poke', ['']));
    expect(await ran(simulation, 'cancelsALocalActivity')).toEqual({
      failure: 'activity act, CANCEL_REQUESTED: cancelled',
    });
    expect(simulation.events.filter((event) => event.kind === 'workflow task lost')).toHaveLength(1);
  });
});

describe('a cancelled activity', () => {
  test.for([
    ['TRY_CANCEL', 40, 40, { failure: 'activity act, CANCEL_REQUESTED: cancelled' }],
    ['ABANDON', 40, 40, { failure: 'activity act, CANCEL_REQUESTED: cancelled' }],
    ['WAIT_CANCELLATION_COMPLETED', 40, 100, { result: 'x' }],
    ['TRY_CANCEL', 0, 0, { failure: 'activity act, CANCEL_REQUESTED: cancelled' }],
    ['WAIT_CANCELLATION_COMPLETED', 0, 0, { failure: 'activity act, CANCEL_REQUESTED: cancelled' }],
  ] as const)('%s, after %i ms', async ([how, afterMs, after, end]) => {
    expect(await ran(await simulated(), 'cancelsAnActivity', how, afterMs)).toEqual({ end, after });
  });

  test('may heed it', async () => {
    const { activities } = acting(({ cancelRequested }) => ({
      afterMs: 90,
      end: () => (cancelRequested() ? { cancelled: true } : { result: 'did not hear' }),
    }));
    const result = await ran(await simulated(activities), 'cancelsAnActivity', 'WAIT_CANCELLATION_COMPLETED', 40);
    expect(result).toEqual({ end: { failure: 'activity act, CANCEL_REQUESTED: cancelled' }, after: 90 });
  });

  test('that has not begun is cancelled by the server', async () => {
    const simulation = await simulated(echoes, {
      latencies: { activityStart: () => 500, workflowTaskStart: () => 0, workflowTaskEnd: () => 0, transfer: () => 0 },
    });
    const result = await ran(simulation, 'cancelsAnActivity', 'WAIT_CANCELLATION_COMPLETED', 40);
    expect(result).toEqual({ end: { failure: 'activity act, CANCEL_REQUESTED: cancelled' }, after: 40 });
    expect(simulation.events.some((event) => event.kind === 'activity attempt started')).toBe(false);
  });
});
