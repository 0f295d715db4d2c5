/** The demo, as a user runs it: the full set of pending updates, from nothing to a client's report. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { layoutOf } from '../../../fleets/lab/layout.ts';
import { describeWhereLabCanBe, wholeLabTimes } from '../../setup/lab/in-lab.ts';
import { tracesOf } from '../../setup/lab/traces.ts';

vi.setConfig(wholeLabTimes);

const said = z.object({
  cycleId: z.string(),
  uiLink: z.string(),
  reportPaths: z.array(z.string()),
  endpoints: z.array(
    z.object({
      name: z.string(),
      outcome: z.string().nullable(),
      waitingFor: z.string().nullable(),
      reason: z.string(),
      patches: z.array(z.object({ package: z.string(), from: z.string().nullable(), to: z.string() })),
    }),
  ),
});

describeWhereLabCanBe('the demo over the lab', () => {
  let state: string;

  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), 'pc-demo-'));
    // PostgreSQL runs as another user.
    await chmod(state, 0o711);
  });
  afterAll(async () => {
    await patchcycle('patchcycle', '--state', join(state, 'demo'), 'down');
    await rm(state, { recursive: true, force: true });
  });

  it('patches every endpoint it can reach, says what it did in one line of JSON, and leaves nothing behind', async () => {
    const { hash } = layoutOf(join(state, 'demo/lab'));
    const { code, out, err } = await patchcycle('demo', '--state', state, '--fleet', 'lab', '--json');
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });

    const told = said.parse(JSON.parse(out.trimEnd().split('\n').at(-1) ?? ''));
    const [waiting, ...others] = told.endpoints.filter((endpoint) => endpoint.outcome !== 'patched');
    expect(others).toEqual([]);
    expect(waiting).toMatchObject({
      outcome: null,
      waitingFor: 'offline',
      reason: expect.stringMatching(/\w/) as string,
    });
    expect(told.endpoints).toHaveLength(6);
    for (const endpoint of told.endpoints.filter((each) => each !== waiting)) {
      expect(endpoint.patches.length).toBeGreaterThan(10);
      for (const patch of endpoint.patches) expect(patch.to).not.toBe(patch.from);
    }

    expect(told.reportPaths.map((path) => path.slice(path.lastIndexOf('.')))).toEqual(['.html', '.json']);
    for (const path of told.reportPaths) expect(readFileSync(path, 'utf8')).toContain('10.77.1.99');
    expect(tracesOf(hash, state)).toEqual([]);
    expect(existsSync(join(state, 'demo'))).toBe(false);
  });
});

/** `npm run` as a person types it, to its end. */
async function patchcycle(script: string, ...argv: readonly string[]) {
  const child = spawn('npm', ['run', script, '--', ...argv], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: Number(code ?? -1), out, err };
}
