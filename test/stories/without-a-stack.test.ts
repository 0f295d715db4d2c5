import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCommand } from '../setup/stack/command.ts';

test.concurrent.for(
  [
    ['cycle', 'list'],
    ['endpoint', 'list', '--json'],
    ['report', 'write', 'cycle/acme/servers/2026-11-22'],
    ['emergency', 'start', '--advisory', 'CVE-2026-12345'],
  ].map((argv) => [argv.join(' '), argv] as const),
)('where nothing runs, patchcycle %s says so and how to start it', async ([, argv]) => {
  const folder = await mkdtemp(join(tmpdir(), 'patchcycle-nothing-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const result = await runCommand(['--state', folder, ...argv], {});
  expect(result).toEqual({ code: 3, out: '', err: 'Nothing runs here. Start it with: patchcycle up -f DIR\n' });
});
