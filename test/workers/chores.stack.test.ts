/** The chores' schedules, while no worker runs at all. */
import { expect, onTestFinished, test } from 'vitest';
import { installChores } from '../../workers/chores.ts';
import { workflowStandings } from '../../workers/workflow-standing.ts';
import { standingTemporal } from './standing-client.ts';

test('installed twice, each chore has one schedule, and what is left is looked for at once', async () => {
  const temporal = await standingTemporal();
  const ids = ['chore/reconcile', 'chore/clean-up-snapshots'];
  const started = async () => {
    const runs = [];
    for await (const run of temporal.workflow.list({ query: `WorkflowType = 'reconcile'` })) runs.push(run);
    return runs.filter(({ status }) => status.name === 'RUNNING').map(({ workflowId }) => workflowId);
  };
  onTestFinished(async () => {
    for (const id of ids) await temporal.schedule.getHandle(id).delete();
    for (const id of await started()) await temporal.workflow.getHandle(id).terminate();
  });
  for (let round = 0; round < 2; round += 1) expect(await installChores(temporal)).toEqual(ids);
  for (const id of ids) {
    const { policies, spec } = await temporal.schedule.getHandle(id).describe();
    expect(policies.overlap).toBe('SKIP');
    expect(spec.intervals).toHaveLength(1);
  }
  // The second look would find the first at it: one is enough.
  await expect.poll(started, { timeout: 20_000 }).toHaveLength(1);
});

test('a workflow without a worker runs; only a closed one has ended', async () => {
  const temporal = await standingTemporal();
  const workflowId = `reconcile-${process.pid}`;
  const workflows = workflowStandings(temporal);
  expect(await workflows.standing(workflowId)).toEqual({ state: 'unheard of' });
  const handle = await temporal.workflow.start('reconcile', { workflowId, taskQueue: 'nobody' });
  expect(await workflows.standing(workflowId)).toEqual({ state: 'running' });
  await handle.terminate();
  expect(await workflows.standing(workflowId)).toMatchObject({ state: 'closed', how: 'terminated' });
});
