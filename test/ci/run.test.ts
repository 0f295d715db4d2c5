import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../setup/folder.ts';
import { writeProgram } from '../setup/program.ts';

const script = fileURLToPath(new URL('../../.ci/run', import.meta.url));

/** What npm is asked for, in this order. */
const install = 'ci';
const lint = 'run lint';
const unit = 'test -- --project unit';
const lts = 'run test:unit:lts';
const lab = 'test -- --project lab';
const stack = 'test -- --project stack';
const demo = 'run demo -- --fleet simulated';

const passing = {
  [install]: 'exit 0',
  [lint]: 'exit 0',
  [unit]: "echo; echo '7 passed, 0 failed'",
  [lts]: "echo; echo '7 passed, 0 failed'",
  [lab]: "echo; echo '5 passed, 0 failed'",
  [stack]: "echo; echo '3 passed, 0 failed, 1 skipped'; echo 'npm notice'",
  [demo]: 'exit 0',
};

/** Runs it as an ordinary user, with an npm that answers as it is told. */
function run(answers: Partial<typeof passing> = {}) {
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, '.ci'));
  copyFileSync(script, path.join(folder, '.ci', 'run'));
  const calls = path.join(folder, 'calls');
  writeFileSync(calls, '');
  const cases = Object.entries({ ...passing, ...answers }).map(([call, answer]) => `'${call}') ${answer} ;;`);
  writeProgram(path.join(folder, 'bin'), 'npm', `echo "$*" >> ${calls}\ncase "$*" in\n${cases.join('\n')}\nesac`);
  writeProgram(path.join(folder, 'bin'), 'id', 'echo 1000');
  const { stdout, stderr, status } = spawnSync('bash', [path.join(folder, '.ci', 'run')], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${path.join(folder, 'bin')}:${process.env['PATH']}` },
  });
  const called = readFileSync(calls, 'utf8').trimEnd().split('\n');
  return { stdout, stderr, lastLine: stdout.trimEnd().split('\n').at(-1), status, called };
}

test('the last line sums all suites, and the time of each stands before it', () => {
  const { stdout, stderr, lastLine, status, called } = run();
  expect({ lastLine, status, stderr }).toEqual({ lastLine: '23 passed, 0 failed, 1 skipped', status: 0, stderr: '' });
  expect(called).toEqual([install, lint, unit, lts, lab, stack, demo]);
  for (const suite of [
    'install',
    'lint',
    'unit, as that user',
    'unit, on Node 24',
    'lab',
    'stack',
    'demo, as that user',
    'total',
  ]) {
    expect(stdout).toMatch(new RegExp(`^${suite} +\\d+:\\d\\d$`, 'm'));
  }
});

test.each([
  [install, '0 passed, 1 failed', [install]],
  [lint, '0 passed, 1 failed', [install, lint]],
  [unit, '6 passed, 1 failed', [install, lint, unit]],
  [lts, '13 passed, 1 failed', [install, lint, unit, lts]],
])('where "npm %s" fails, nothing after it is run', (call, lastLine, called) => {
  const answer = call === unit || call === lts ? "echo '6 passed, 1 failed'; exit 1" : 'exit 1';
  expect(run({ [call]: answer })).toMatchObject({ lastLine, status: 1, called });
});

test.each([lab, stack, demo])('where "npm %s" fails, the rest is run all the same', (call) => {
  const answer = call === demo ? 'exit 4' : "echo '2 passed, 1 failed'; exit 1";
  const { lastLine, status, called } = run({ [call]: answer });
  expect(lastLine).toMatch(/^\d+ passed, 1 failed/);
  expect({ status, called }).toEqual({ status: 1, called: [install, lint, unit, lts, lab, stack, demo] });
});

test('what a suite leaves running holds nobody up', () => {
  const folder = temporaryFolder();
  const pidFile = path.join(folder, 'pid');
  const { lastLine } = run({ [lab]: `sleep 1000 & echo $! > ${pidFile}; echo '5 passed, 0 failed'` });
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
  expect(lastLine).toBe('23 passed, 0 failed, 1 skipped');
});

test.each([
  ['ends without its closing line', 'exit 0'],
  ['is killed', 'kill -9 $$'],
  ['fails and counts no failure', "echo '5 passed, 0 failed'; exit 1"],
])('a suite that %s counts as failed', (_, answer) => {
  const { lastLine, status } = run({ [lab]: answer });
  expect(lastLine).toMatch(/^\d+ passed, 1 failed/);
  expect(status).toBe(1);
});
