import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { Client } from 'pg';
import type { ReadyCondition } from './process-plan.ts';

/** Where a start writes: its log file, and how many bytes were in it before. */
export type LogPosition = { readonly file: string; readonly offset: number };

/**
 * Waits until the condition holds. It ends by the signal alone: the caller knows whether the process still lives.
 * @throws the signal's reason when it is aborted first
 */
export async function waitUntilReady(condition: ReadyCondition, log: LogPosition, signal: AbortSignal): Promise<void> {
  for (;;) {
    if (await holds(condition, log).catch(() => false)) return;
    await delay(50, undefined, { signal });
  }
}

function holds(condition: ReadyCondition, log: LogPosition): Promise<boolean> {
  switch (condition.when) {
    case 'database answers':
      return databaseAnswers(condition.url);
    case 'temporal answers':
      return temporalAnswers(condition, log);
    case 'http answers':
      return fetch(condition.url, { signal: AbortSignal.timeout(2000) }).then((response) => response.ok);
    default:
      condition satisfies { when: 'log says' };
      return readFile(log.file).then((content) => content.includes(condition.text, log.offset));
  }
}

async function databaseAnswers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  // A server that stops while we ask must not end the process that asks.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}

type TemporalAnswers = Extract<ReadyCondition, { readonly when: 'temporal answers' }>;

async function temporalAnswers(
  { address, namespace, searchAttributes }: TemporalAnswers,
  log: LogPosition,
): Promise<boolean> {
  // Another server may answer there: then ours never says that it listens.
  if (!(await saysItServes(address, log))) return false;
  const connection = await Connection.connect({ address, connectTimeout: 2000 });
  try {
    await connection.workflowService.describeNamespace({ namespace });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return searchAttributes.every((name) => name in customAttributes);
  } finally {
    await connection.close();
  }
}

/** It writes `Server: localhost:7233` once it listens. */
async function saysItServes(address: string, { file, offset }: LogPosition): Promise<boolean> {
  const said = (await readFile(file)).toString('utf8', offset);
  return new RegExp(`Server:\\s+\\S+:${new URL(`http://${address}`).port}\\s`).test(said);
}
