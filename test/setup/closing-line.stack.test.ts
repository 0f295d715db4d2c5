import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** The last line of a vitest run over one file, and its exit code. */
function run(
  tests: string,
  globalSetup = 'export default () => undefined;',
): { lastLine: string; status: number | null } {
  // Inside the project, because the tests import vitest.
  const folder = mkdtempSync(path.join(project, 'node_modules', '.closing-line-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const reporter = JSON.stringify(path.join(project, 'test', 'setup', 'closing-line.ts'));
  writeFileSync(path.join(folder, 'some.test.js'), `import { expect, test } from 'vitest';\n${tests}`);
  writeFileSync(path.join(folder, 'setup.js'), globalSetup);
  writeFileSync(
    path.join(folder, 'vitest.config.js'),
    `import { ClosingLine } from ${reporter};
    const include = [${JSON.stringify(path.join(folder, '*.test.js'))}];
    export default { test: { include, exclude: [], globalSetup: './setup.js', reporters: ['default', new ClosingLine()] } };`,
  );
  const vitest = path.join(project, 'node_modules', 'vitest', 'vitest.mjs');
  const { stdout, status } = spawnSync(process.execPath, [vitest, 'run', '--root', folder], { encoding: 'utf8' });
  return { lastLine: stdout.trimEnd().split('\n').at(-1) ?? '', status };
}

test('passed, failed and skipped tests are counted in the last line', () => {
  const tests = "test('a', () => {}); test('b', () => { expect(1).toBe(2); }); test.skip('c', () => {});";
  expect(run(tests)).toEqual({ lastLine: '1 passed, 1 failed, 1 skipped', status: 1 });
});

test('a run in which all is well says so', () => {
  expect(run("test('a', () => {});")).toEqual({ lastLine: '1 passed, 0 failed', status: 0 });
});

test('a file that cannot be loaded counts as failed', () => {
  expect(run("throw new Error('no');")).toEqual({ lastLine: '0 passed, 1 failed', status: 1 });
});

test('a setup that fails counts as failed', () => {
  const setup = "export default () => { throw new Error('no server'); };";
  expect(run("test('a', () => {});", setup)).toEqual({ lastLine: '0 passed, 1 failed', status: 1 });
});
