/** What a worker is told of workflows, over the connection that it works by. */
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { expect, inject, onTestFinished, test } from 'vitest';
import { workflowStatuses } from '../../workers/workflow-status.ts';

test('a workflow without a worker runs; only a closed one has ended', async () => {
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
  onTestFinished(() => connection.close());
  const temporal = new Client({ connection, namespace: inject('temporalNamespace') });
  const workflowId = `nobody-runs-it-${process.pid}`;
  const workflows = workflowStatuses(temporal);
  expect(await workflows.status(workflowId)).toEqual({ state: 'unheard of' });
  const handle = await temporal.workflow.start('nobodyRunsIt', { workflowId, taskQueue: 'nobody' });
  expect(await workflows.status(workflowId)).toEqual({ state: 'running' });
  await handle.terminate();
  expect(await workflows.status(workflowId)).toMatchObject({ state: 'closed', how: 'terminated' });
});
