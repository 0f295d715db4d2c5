import { describe, expect, test } from 'vitest';
import { echoes, ran, simulated, startAt } from './fixtures/simulated.ts';
import type { ActivityTable, RecordedEvent, Simulation, SimulationOptions } from './interface.ts';

const second = 1000;

/** The story, with an order and a signal on its way. `at` is the place in the record at which the worker dies. */
async function tell(
  options: Partial<SimulationOptions>,
  disturb: (simulation: Simulation, event: RecordedEvent) => void,
) {
  const simulation = await simulated(echoes, {
    latencies: {},
    ...options,
    record: (event) => disturb(simulation, event),
  });
  simulation.start('story', 'story', ['story']);
  simulation.after(300, () => simulation.signal('story', 'poke', ['word']));
  simulation.after(400, () => simulation.update('story', 'give', [7]));
  await simulation.run({ horizonMs: 3600 * second });
  simulation.dispose();
  return simulation;
}

const told = {
  state: 'completed',
  result: {
    first: 'first',
    permit: 'permit',
    last: 'other permit',
    heard: ['given 7', 'word'],
    child: { result: 'of the child' },
  },
};

describe('a crash of the worker', () => {
  test('between any two events changes nothing of the end', async () => {
    const whole = await tell({}, () => undefined);
    expect(whole.resultOf('story')).toEqual(told);
    const { length } = whole.events;
    expect(length).toBeGreaterThan(40);
    let replays = 0;
    for (let seq = 1; seq < length; seq += 1) {
      const disturbed = await tell({}, (simulation, event) => {
        if (event.seq === seq) simulation.crash('control', 200);
      });
      expect(disturbed.resultOf('story'), `crashed after event ${seq}`).toEqual(told);
      replays += disturbed.events.filter((event) => event.kind === 'workflow replayed').length;
      expect(disturbed.events.filter((event) => event.kind === 'nondeterminism')).toEqual([]);
    }
    expect(replays).toBeGreaterThan(length / 2);
  });

  test('after every workflow task changes nothing either', async () => {
    const crashes = await tell({}, (simulation, event) => {
      if (event.kind === 'workflow task completed') simulation.crash('control', 50);
    });
    expect(crashes.resultOf('story')).toEqual(told);
    expect(crashes.events.filter((event) => event.kind === 'workers crashed').length).toBeGreaterThan(4);
  });

  test('loses the answers of activities under way: they are noticed by their heartbeat and tried again', async () => {
    const simulation = await simulated();
    simulation.after(50, () => simulation.crash('site', second));
    const options = { startToCloseTimeout: '1 minute', heartbeatTimeout: '5 seconds', taskQueue: 'site' };
    expect(await ran(simulation, 'oneActivity', options, 'x')).toEqual({ result: 'x' });
    expect(simulation.events.filter((event) => event.kind === 'activity attempt ended')).toMatchObject([
      { ended: 'lost', attempt: 1 },
      { ended: 'timed out', timeout: 'heartbeat', attempt: 1, retryInMs: second },
      { ended: 'completed', attempt: 2 },
    ]);
  });

  test('of a workflow’s worker has its open task done again after ten seconds', async () => {
    const slow: ActivityTable = { ...echoes, act: () => ({ afterMs: 4 * second, result: 'permit' }) };
    const simulation = await simulated(slow);
    simulation.after(second, () => simulation.crash('control', 2 * second));
    expect(await ran(simulation, 'localThenActivity')).toBe('other permit');
    const attempts = simulation.events.filter((event) => event.kind === 'activity attempt started' && event.local);
    expect(attempts.map(({ at }) => (at - startAt) / second)).toEqual([0, 10]);
  });

  test('happens between two events when it is ordered in one', async () => {
    const simulation: Simulation = await simulated({
      ...echoes,
      act: (input) => {
        simulation.crash('control', second);
        return { afterMs: 100, result: input };
      },
    });
    simulation.start('oneActivity', 'w', [{ startToCloseTimeout: '5 seconds', retry: { maximumAttempts: 1 } }, 'x']);
    await simulation.run();
    expect(simulation.events.find((event) => event.kind === 'activity attempt ended')).toMatchObject({ ended: 'lost' });
    simulation.dispose();
  });
});

describe('an eviction and a pause', () => {
  test('a pause lets a local activity end in its open task', async () => {
    const slow: ActivityTable = { ...echoes, act: () => ({ afterMs: 4 * second, result: 'permit' }) };
    const simulation = await simulated(slow);
    simulation.start('localThenActivity', 'w', []);
    simulation.after(second, () => simulation.pause('control', 6 * second));
    await simulation.run();
    expect(simulation.resultOf('w')).toEqual({ state: 'completed', result: 'other permit' });
    const attempts = simulation.events.filter((event) => event.kind === 'activity attempt started');
    expect(attempts.map(({ at }) => (at - startAt) / second)).toEqual([0, 7]);
    simulation.dispose();
  });

  test('after any event change nothing of the end', async () => {
    for (const disturb of ['evict', 'pause'] as const) {
      const disturbed = await tell({}, (simulation, event) => {
        if (event.kind !== 'workflow task completed' || simulation.resultOf('story')?.state !== 'running') return;
        if (disturb === 'evict') simulation.evict('story');
        else simulation.pause('control', 100);
      });
      expect(disturbed.resultOf('story')).toEqual(told);
      expect(disturbed.events.filter((event) => event.kind === 'workflow replayed').length).toBeGreaterThan(5);
      expect(
        disturbed.events.filter((event) => event.kind === 'activity attempt ended' && event.ended === 'lost'),
      ).toEqual([]);
    }
  });
});

describe('a replay', () => {
  test('that asks for something else is caught', async () => {
    const simulation = await simulated();
    simulation.after(1500, () => simulation.crash('control', 10));
    simulation.start('forgetful', 'w', []);
    await simulation.run({ horizonMs: 60 * second });
    expect(simulation.events.find((event) => event.kind === 'nondeterminism')).toMatchObject({
      workflowId: 'w',
      because: 'activation 2 of 3: commands.0.scheduleActivity.activityType was "act" and is "other"',
    });
    expect(simulation.resultOf('w')).toEqual({ state: 'running' });
    simulation.dispose();
  });

  test('knows the patches that were there, and does not meet those that were not', async () => {
    const simulation = await simulated();
    simulation.after(500, () => simulation.crash('control', 10));
    expect(await ran(simulation, 'guarded')).toEqual(['other new', 'later']);
    expect(simulation.events.some((event) => event.kind === 'workflow replayed')).toBe(true);
  });

  test('does not ask validators again, and forgets refused updates', async () => {
    const simulation = await simulated();
    simulation.start('listens', 'w', [2]);
    simulation.update('w', 'give', [-1]);
    const accepted = simulation.update('w', 'give', [1]);
    simulation.after(300, () => simulation.update('w', 'give', [-2]));
    simulation.after(500, () => simulation.crash('control', 10));
    simulation.after(800, () => simulation.signal('w', 'poke', ['word']));
    await simulation.run();
    expect(simulation.resultOf('w')).toEqual({ state: 'completed', result: ['given 1', 'word'] });
    expect(accepted.current()).toEqual({ state: 'completed', result: 'thanks for 1' });
    simulation.dispose();
  });
});

describe('the clock', () => {
  test('jumps: what was due meanwhile happens at once, in its order', async () => {
    const simulation = await simulated();
    simulation.after(second, () => simulation.jump(3600 * second));
    expect(await ran(simulation, 'timers')).toMatchObject({ slept: 3601 * second });
    expect(simulation.events.filter((event) => event.kind === 'clock jumped')).toMatchObject([{ byMs: 3600 * second }]);
  });
});

describe('the record', () => {
  test('of a seed is the same, byte for byte; of another it is not', async () => {
    const [first, again, other] = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const simulation = await tell({ seed }, (running, event) => {
          if (event.seq === 20) running.crash('control', 100);
        });
        return JSON.stringify(simulation.events);
      }),
    );
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test('numbers its events and never goes back in time', async () => {
    const { events } = await tell({}, () => undefined);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((a, b) => a - b));
  });
});
