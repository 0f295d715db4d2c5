import { describe, expect, test } from 'vitest';
import { echoes, ran, simulated, startAt } from './fixtures/simulated.ts';
import type { HarnessEvent, Simulation } from './interface.ts';
import { QueryFailed, WorkflowNotFound, WorkflowRuns } from './simulation.ts';

const second = 1000;
const activity = { type: 'oneActivity', id: 'child', args: [{ startToCloseTimeout: '1 minute' }, 'x'] };

function ofKind<Kind extends HarnessEvent['kind']>(simulation: Simulation, kind: Kind) {
  return simulation.events.filter((event): event is Extract<HarnessEvent, { kind: Kind }> => event.kind === kind);
}

describe('a workflow', () => {
  test('sleeps on the virtual clock, and its randomness is derived', async () => {
    const results = await Promise.all([1, 1, 2].map(async (seed) => ran(await simulated(echoes, { seed }), 'timers')));
    expect(results[0]).toMatchObject({
      slept: 120 * second,
      timedOut: true,
      first: 'short',
      at: '2026-03-02T08:02:13.000Z',
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).not.toEqual(results[0]);
  });

  test('fails by a failure', async () => {
    expect(await ran(await simulated(), 'fails', 'no more')).toMatchObject({
      state: 'failed',
      failure: { message: 'no more', type: 'Refused' },
    });
  });

  test('with a mistake in its code tries its task for ever', async () => {
    const simulation = await simulated();
    simulation.start('throwsAnError', 'w', []);
    expect(await simulation.run({ horizonMs: 3600 * second })).toBe('horizon');
    expect(simulation.resultOf('w')).toEqual({ state: 'running' });
    expect(ofKind(simulation, 'workflow task failed')[3]).toMatchObject({
      failure: { message: 'a mistake in workflow code' },
    });
    simulation.dispose();
  });

  test('that leaves a rejection to nobody ends the simulation', async () => {
    await expect(ran(await simulated(), 'leavesARejection')).rejects.toThrow('nobody waits for this');
  });

  test('cancels a timer', async () => {
    const simulation = await simulated();
    expect(await ran(simulation, 'cancelsATimer')).toBe('cancelled');
    expect(simulation.now() - startAt).toBe(second);
    expect(ofKind(simulation, 'timer cancelled')).toHaveLength(1);
  });

  test('that is cancelled tidies up and ends as cancelled', async () => {
    const simulation = await simulated();
    simulation.after(3 * second, () => simulation.cancel('tidiesUp'));
    expect(await ran(simulation, 'tidiesUp')).toEqual({ state: 'cancelled' });
    expect(ofKind(simulation, 'activity ended').map(({ activityType }) => activityType)).toEqual(['act', 'other']);
  });

  test('that is cancelled brings to an end what is shielded', async () => {
    const simulation = await simulated();
    simulation.after(50, () => simulation.cancel('tidiesUp'));
    await ran(simulation, 'tidiesUp');
    expect(ofKind(simulation, 'activity ended')[0]).toMatchObject({ activityType: 'act', ended: 'completed' });
  });

  test('that is terminated knows nothing of it, and what its activity does is heard by nobody', async () => {
    let done = false;
    const act = () => ({ afterMs: 2 * second, end: () => ({ result: (done = true) }) });
    const simulation = await simulated({ ...echoes, act });
    simulation.after(second, () => simulation.terminate('tidiesUp', 'by hand'));
    expect(await ran(simulation, 'tidiesUp')).toEqual({ state: 'terminated' });
    expect(done).toBe(true);
    expect(ofKind(simulation, 'activity attempt ended')).toMatchObject([{ ended: 'lost' }]);
  });

  test('continues as new, as often as it wants', async () => {
    const simulation = await simulated();
    expect(await ran(simulation, 'counts', 1, 4)).toEqual({ reached: 4, info: 'counts' });
    expect(ofKind(simulation, 'workflow ended').map(({ ended }) => ended)).toEqual([
      'continued as new',
      'continued as new',
      'continued as new',
      'completed',
    ]);
    const runs = ofKind(simulation, 'workflow started');
    expect(runs[1]).toMatchObject({ continuedFrom: runs[0]?.runId, input: [2, 4] });
  });

  test('is told to continue as new when its history grows', async () => {
    const done = await Promise.all(
      [40, 400].map(async (continueAsNewAfterEvents) =>
        ran(await simulated(echoes, { continueAsNewAfterEvents }), 'workUntilTold'),
      ),
    );
    expect(done).toEqual([7, 67]);
  });

  test('marks its patches', async () => {
    const simulation = await simulated();
    expect(await ran(simulation, 'guarded')).toEqual(['other new', 'later']);
    expect(ofKind(simulation, 'patch marked').map(({ patchId }) => patchId)).toEqual(['uses-the-other', 'later']);
  });

  test('shows its details and search attributes', async () => {
    const simulation = await simulated();
    simulation.start('shows', 'w', []);
    await simulation.run({ horizonMs: 500 });
    expect(simulation.shown('w')).toEqual({ details: '- **waits**', searchAttributes: { Colour: 'green' } });
    await simulation.run();
    expect(simulation.shown('w').searchAttributes).toEqual({ Colour: 'red' });
    simulation.dispose();
  });

  test('runs once at a time under its id, and may run again', async () => {
    const simulation = await simulated();
    const first = simulation.start('deaf', 'w', []);
    expect(() => simulation.start('deaf', 'w', [])).toThrow(WorkflowRuns);
    expect(simulation.start('deaf', 'w', [], { whenRunning: 'use existing' })).toBe(first);
    await simulation.run();
    expect(() => simulation.start('deaf', 'w', [], { whenEnded: 'allow if failed' })).toThrow(WorkflowRuns);
    expect(simulation.start('deaf', 'w', [])).not.toBe(first);
    expect(simulation.running()).toEqual(['w']);
    simulation.terminate('w');
    expect(simulation.start('deaf', 'w', [], { whenEnded: 'allow if failed' })).not.toBe(first);
    simulation.dispose();
  });
});

describe('a child workflow', () => {
  test.for([
    ['completes', 'counts', [1, 3], { result: { reached: 3, info: 'counts' } }],
    ['fails', 'fails', ['no'], { failure: 'ChildWorkflowFailure: Child Workflow execution failed: Refused: no' }],
  ] as const)('that %s tells its parent', async ([, type, args, told]) => {
    expect(await ran(await simulated(), 'parent', { type, id: 'child', args })).toEqual(told);
  });

  test('that is terminated tells its parent', async () => {
    const simulation = await simulated();
    simulation.after(20, () => simulation.terminate('child'));
    expect(await ran(simulation, 'parent', activity)).toEqual({
      failure: 'ChildWorkflowFailure: Child Workflow execution failed: TerminatedFailure: Terminated',
    });
  });

  test.for([
    ['TERMINATE', 'terminated'],
    ['ABANDON', 'completed'],
    ['REQUEST_CANCEL', 'cancelled'],
  ] as const)('%s: when its parent ends before it, it is %s', async ([closePolicy, state]) => {
    const simulation = await simulated();
    await ran(simulation, 'parent', { type: 'deaf', id: 'child', args: [] }, { closePolicy, leaves: true });
    expect(simulation.resultOf('child')).toMatchObject({ state });
  });

  test('is not started under an id that runs', async () => {
    const simulation = await simulated();
    expect(await ran(simulation, 'startsWhatRuns', 'one')).toBe('runs already');
    expect(ofKind(simulation, 'child start refused')).toMatchObject([{ childId: 'one' }]);
  });

  test.for([
    ['WAIT_CANCELLATION_COMPLETED', 50, 200, 'cancelled'],
    ['WAIT_CANCELLATION_REQUESTED', 50, 50, 'cancelled'],
    ['TRY_CANCEL', 50, 50, 'cancelled'],
    ['ABANDON', 50, 50, 'terminated'],
    ['TRY_CANCEL', 0, 0, undefined],
    ['WAIT_CANCELLATION_COMPLETED', 0, 0, undefined],
  ] as const)('%s: cancelled after %i ms', async ([how, afterMs, after, state]) => {
    const simulation = await simulated();
    const result = await ran(simulation, 'cancelsAChild', how, afterMs, 'child');
    expect(result).toEqual({ end: { failure: 'cancelled' }, after });
    // What its parent does not wait for is terminated with it.
    const expected =
      how === 'ABANDON' || how === 'TRY_CANCEL' || how === 'WAIT_CANCELLATION_REQUESTED' ? 'terminated' : state;
    expect(simulation.resultOf('child')?.state).toBe(afterMs === 0 ? undefined : expected);
  });

  test('another workflow is signalled and cancelled by its id', async () => {
    const simulation = await simulated();
    simulation.start('listens', 'other', [5]);
    expect(await ran(simulation, 'reaches', 'other', 'hello')).toEqual({ signalled: {}, cancelled: {} });
    expect(simulation.resultOf('other')).toEqual({ state: 'cancelled' });
    expect(simulation.query('other', 'seen')).toEqual(['hello']);
  });

  test('one that does not run cannot be signalled or cancelled', async () => {
    const failure = expect.stringContaining('ExternalWorkflowExecutionNotFound') as string;
    expect(await ran(await simulated(), 'reaches', 'nobody', 'hello')).toEqual({
      signalled: { failure },
      cancelled: { failure },
    });
  });
});

describe('an order to a workflow', () => {
  test('an update is validated, accepted and completed', async () => {
    const simulation = await simulated();
    simulation.start('listens', 'w', [2]);
    const good = simulation.update('w', 'give', [1]);
    const refused = simulation.update('w', 'give', [-1]);
    const unlucky = simulation.update('w', 'give', [13]);
    expect(good.current()).toEqual({ state: 'sent' });
    await simulation.run({ horizonMs: 10 });
    expect(good.current()).toEqual({ state: 'accepted' });
    expect(refused.current()).toMatchObject({
      state: 'rejected',
      failure: { type: 'Refused', message: 'nothing below zero' },
    });
    expect(unlucky.current()).toMatchObject({ state: 'failed', failure: { type: 'Unlucky' } });
    await simulation.run();
    expect(good.current()).toEqual({ state: 'completed', result: 'thanks for 1' });
    expect(simulation.resultOf('w')).toEqual({ state: 'completed', result: ['given 1', 'given 13'] });
    expect(simulation.events.flatMap((event) => ('update' in event ? [event.kind] : [])).toSorted()).toEqual(
      ['sent', 'sent', 'sent', 'accepted', 'accepted', 'ended', 'ended', 'ended']
        .map((kind) => `update ${kind}`)
        .toSorted(),
    );
    simulation.dispose();
  });

  test('the same update is sent once', async () => {
    const simulation = await simulated();
    simulation.start('listens', 'w', [1]);
    const first = simulation.update('w', 'give', [1], 'order-1');
    expect(simulation.update('w', 'give', [1], 'order-1')).toBe(first);
    await simulation.run();
    expect(simulation.resultOf('w')).toEqual({ state: 'completed', result: ['given 1'] });
    simulation.dispose();
  });

  test('an update that nobody handles is rejected, one that meets the end is lost', async () => {
    const simulation = await simulated();
    simulation.start('deaf', 'w', []);
    const unheard = simulation.update('w', 'give', [1]);
    await simulation.run({ horizonMs: 10 });
    expect(unheard.current()).toMatchObject({ state: 'rejected' });
    simulation.start('listens', 'l', [1]);
    const late = simulation.update('l', 'give', [1]);
    await simulation.run({ horizonMs: 10 });
    simulation.terminate('l');
    expect(late.current()).toMatchObject({ state: 'lost' });
    simulation.dispose();
  });

  test('an update that no run has taken goes on with the next run', async () => {
    const simulation = await simulated();
    simulation.start('counts', 'w', [1, 3]);
    simulation.pause('control', 990);
    let update = simulation.update('w', 'give', [1]);
    simulation.after(1985, () => {
      update = simulation.update('w', 'give', [2]);
    });
    await simulation.run();
    expect(update.current()).toMatchObject({ state: 'rejected' });
    simulation.dispose();
  });

  test('signals are heard in their order, those before the first task too', async () => {
    const simulation = await simulated();
    simulation.start('listens', 'w', [3]);
    for (const word of ['a', 'b', 'c']) simulation.signal('w', 'poke', [word]);
    await simulation.run();
    expect(simulation.resultOf('w')).toEqual({ state: 'completed', result: ['a', 'b', 'c'] });
    simulation.dispose();
  });

  test('a query is answered at once, after the end too, and leaves no trace', async () => {
    const simulation = await simulated();
    simulation.start('listens', 'w', [1]);
    expect(() => simulation.query('w', 'seen')).toThrow(QueryFailed);
    simulation.signal('w', 'poke', ['a']);
    await simulation.run({ horizonMs: 100 });
    const before = simulation.events.length;
    expect(simulation.query('w', 'seen')).toEqual(['a']);
    expect(simulation.events).toHaveLength(before);
    expect(() => simulation.query('w', 'unheard of')).toThrow(/did not register a handler/);
    simulation.crash('control', 100);
    expect(() => simulation.query('w', 'seen')).toThrow(/is down/);
    await simulation.run();
    expect(simulation.query('w', 'seen')).toEqual(['a']);
    simulation.dispose();
  });

  test('whom nobody knows cannot be given orders', async () => {
    const simulation = await simulated();
    for (const order of ['cancel', 'terminate', 'evict'] as const)
      expect(() => simulation[order]('nobody')).toThrow(WorkflowNotFound);
    expect(() => simulation.update('nobody', 'give', [])).toThrow(WorkflowNotFound);
    simulation.start('fails', 'w', ['x']);
    await simulation.run();
    expect(() => simulation.signal('w', 'poke', [])).toThrow(/has ended/);
    simulation.dispose();
  });
});
