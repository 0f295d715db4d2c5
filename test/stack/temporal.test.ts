import { Client, Connection } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { expect, inject, onTestFinished, test } from 'vitest';
import { searchAttributes } from '../../workers/embedded/search-attributes.ts';
import { isRunning } from '../../workers/embedded/process-identity.ts';
import { startTemporal } from '../../workers/embedded/temporal.ts';
import { temporaryFolder } from '../setup/folder.ts';

const server = () => ({ program: inject('temporalProgram'), version: '1.9.1', foundBy: 'the test' });

test('the server knows every search attribute, each with its type', async () => {
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  onTestFinished(() => connection.close());
  const { customAttributes } = await connection.operatorService.listSearchAttributes({
    namespace: inject('temporalNamespace'),
  });
  // 2 and 7 are the numbers of Keyword and KeywordList in Temporal's IndexedValueType.
  const expected = Object.entries(searchAttributes).map(([name, type]) => [name, type === 'Keyword' ? 2 : 7]);
  expect(customAttributes).toMatchObject(Object.fromEntries(expected));
});

test("the SDK's test environment works on it", async () => {
  const environment = await TestWorkflowEnvironment.createFromExistingServer({ address: inject('temporalAddress') });
  onTestFinished(() => environment.teardown());
  const { count } = await environment.client.workflow.count();
  expect(count).toBeGreaterThanOrEqual(0);
});

test('a started workflow is there after a stop and a second start, on the same ports', async () => {
  const stateDirectory = temporaryFolder();
  const start = async () => {
    const ports = { port: 'any', uiPort: 'any' } as const;
    const temporal = await startTemporal({ stateDirectory, server: server(), timers: 'to the millisecond', ...ports });
    onTestFinished(() => temporal.stop());
    const connection = await Connection.connect({ address: temporal.address });
    onTestFinished(() => connection.close());
    return { temporal, client: new Client({ connection }) };
  };
  const first = await start();
  const handle = await first.client.workflow.start('nobodyRunsIt', { workflowId: 'kept', taskQueue: 'nobody' });
  await first.temporal.stop();
  expect(isRunning(first.temporal.identity)).toBe(false);

  const second = await start();
  expect(second.temporal).toMatchObject({ address: first.temporal.address, uiUrl: first.temporal.uiUrl });
  expect((await fetch(second.temporal.uiUrl)).status).toBe(200);
  const found = await second.client.workflow.getHandle('kept').describe();
  expect(found.runId).toBe(handle.firstExecutionRunId);
});
