/**
 * Histories of workflows that have ended, against the workflows as they are now. A change that a running cycle would
 * not survive fails here; `npm run record:histories` makes them again.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode, makeTelemetryFilterString } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';

const folder = import.meta.dirname;
const recorded = readdirSync(folder).filter((name) => name.endsWith('.json'));
const text = (name: string) => readFileSync(join(folder, name), 'utf8');

let code: string;

beforeAll(async () => {
  const logger = new DefaultLogger('ERROR');
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
  Runtime.install({ logger, telemetryOptions: { logging: { filter } } });
  const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
  ({ code } = await bundleWorkflowCode({ workflowsPath, logger }));
}, 60_000);

test('there is a history of each shape that a cycle may take', () => {
  const cycles = ['finished-cycle', 'halted-cycle', 'cancelled-cycle', 'emergency-cycle', 'cycle-with-a-successor'];
  const rings = ['finished-ring', 'halted-ring', 'ordered-roll-back', 'passed-sandbox'];
  const endpoints = ['patched-endpoint', 'rolled-back-endpoint', 'caught-up-endpoint', 'emergency-endpoint', 'put-back-endpoint'];
  const surveys = ['survey-of-inventories', 'survey-of-updates', 'survey-of-plans'];
  const left = ['reconciling-round', 'reconciled-endpoint', 'closed-cycle', 'clean-up-of-snapshots', 'clean-up-of-a-site'];
  const shapes = [...cycles, ...rings, ...endpoints, ...surveys, ...left];
  expect(recorded).toEqual(shapes.map((shape) => `${shape}.json`).toSorted());
});

test.for(recorded)('%s replays', async (name) => {
  await Worker.runReplayHistory({ workflowBundle: { code } }, JSON.parse(text(name)));
});

test('a history in which another activity was called does not replay', async () => {
  const other = text('patched-endpoint.json').replaceAll('takeSnapshot', 'takePhotograph');
  const replay = Worker.runReplayHistory({ workflowBundle: { code } }, JSON.parse(other));
  await expect(replay).rejects.toThrow(/nondeterminism/i);
});
