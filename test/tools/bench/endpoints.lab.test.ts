import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { layoutOf, namespacePrefix, type LabLayout } from '../../../fleets/lab/layout.ts';
import { namespacesWith } from '../../../fleets/lab/network.ts';
import { until } from '../../../fleets/lab/until.ts';
import { describeWhereLabCanBe } from '../../setup/lab/in-lab.ts';
import { tracesOf } from '../../setup/lab/traces.ts';

const project = join(import.meta.dirname, '../../..');

type Moment = { readonly is: (state: string, lab: LabLayout) => boolean; readonly interrupt: (pid: number) => void };

const moments: Record<string, Moment> = {
  'by SIGTERM when it has just begun': {
    is: (_, lab) => namespacesWith(namespacePrefix(lab)).length > 0,
    interrupt: (pid) => process.kill(pid, 'SIGTERM'),
  },
  'by Ctrl-C, twice, when its endpoints and servers run': {
    is: (state) => existsSync(join(state, 'postgres', 'data', 'postmaster.pid')),
    // A terminal tells everybody in its foreground.
    interrupt: (pid) => {
      process.kill(-pid, 'SIGINT');
      process.kill(-pid, 'SIGINT');
    },
  },
};

describeWhereLabCanBe('the benchmark of endpoints', () => {
  describe('takes everything down when it is interrupted', () => {
    it.each(Object.entries(moments))('%s', async (moment, { is, interrupt }) => {
      const state = mkdtempSync(join(tmpdir(), 'patchcycle-bench-'));
      const lab = layoutOf(join(state, 'lab'));
      const program = join(project, 'tools/bench/endpoints.ts');
      const argv = ['--import', 'tsx', program, '--runs', '1', '--state', state];
      const bench = spawn(process.execPath, argv, { cwd: project, detached: true, stdio: 'ignore' });
      const ended = once(bench, 'exit');
      await until(`it is interrupted ${moment}`, () => bench.exitCode !== null || is(state, lab), 240_000);
      expect(bench.exitCode).toBeNull();
      interrupt(bench.pid ?? 0);
      expect(await ended).toEqual([130, null]);
      expect(tracesOf(lab.hash, state)).toEqual([]);
      expect(existsSync(state)).toBe(false);
    });
  });
});
