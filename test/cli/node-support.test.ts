/** What the command says of the Node that runs it; the unit tests run on one without and on one with security support. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RuntimeSupport } from '../../domain/reports/runtime-support.ts';
import { temporaryFolder } from '../setup/folder.ts';
import { runCommand } from '../setup/stack/command.ts';

test('status and up say in a line that this Node has no security support, and nothing where it has', async () => {
  const state = join(temporaryFolder(), 'state');
  const [json, status, up] = await Promise.all([
    runCommand(['--state', state, 'status', '--json'], {}),
    runCommand(['--state', state, 'status'], {}),
    runCommand(['--state', state, 'up', '--fleet', 'simulated', '-f', '/nowhere'], {}),
  ]);
  const { node } = JSON.parse(json.out) as { readonly node: RuntimeSupport };
  expect(node.version).toBe(process.versions.node);
  // Both have a date in our data for as long as the unit tests run on them.
  const ended = Date.parse(node.supportEndsAt ?? '') <= Date.now();
  expect(node.state).toBe(ended ? 'ended' : 'supported');
  const line = ended ? `${node.because}\n` : '';
  expect(status).toEqual({ code: 0, out: `The stack is down.\n${line}`, err: '' });
  expect(up).toMatchObject({ code: 2, out: line });
}, 60_000);
