import { Client, Connection } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { expect, inject, onTestFinished, test } from 'vitest';
import { isRunning } from '../../embedded/process-identity.ts';
import { startTemporal } from '../../embedded/temporal.ts';
import { temporaryFolder } from '../setup/folder.ts';

const server = () => ({ program: inject('temporalProgram'), version: '1.9.1', foundBy: 'the test' });

test("the SDK's test environment works on it", async () => {
  const environment = await TestWorkflowEnvironment.createFromExistingServer({ address: inject('temporalAddress') });
  onTestFinished(() => environment.teardown());
  const { count } = await environment.client.workflow.count();
  expect(count).toBeGreaterThanOrEqual(0);
});

test('a started workflow and the search attributes are there after a second start, on the same ports', async () => {
  const searchAttributes = { Colour: 'Keyword', Tags: 'KeywordList' } as const;
  const stateDirectory = temporaryFolder();
  const start = async () => {
    const ports = { port: 'any', uiPort: 'any' } as const;
    const timers = 'to the millisecond';
    const temporal = await startTemporal({ stateDirectory, server: server(), timers, searchAttributes, ...ports });
    onTestFinished(() => temporal.stop());
    const connection = await Connection.connect({ address: temporal.address });
    onTestFinished(() => connection.close());
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
    // The numbers of Keyword and KeywordList in Temporal's IndexedValueType.
    expect(customAttributes).toMatchObject({ Colour: 2, Tags: 7 });
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
