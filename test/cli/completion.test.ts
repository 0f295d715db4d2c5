/** The shell completes what the program understands: the scripts are really sourced, where there is the shell. */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';

const command = join(import.meta.dirname, '../../cli/patchcycle.js');
const isInstalled = (shell: string) => spawnSync(shell, ['-c', ':']).status === 0;

/** A line as typed so far, its last word unfinished, and what completes it. */
const lines: readonly (readonly [line: string, completions: readonly string[]])[] = [
  ['patchcycle cy', ['cycle']],
  ['patchcycle endpoint ', ['list', 'enrol', 'release', 'help', '--help', '--state']],
  ['patchcycle cycle r', ['resume', 'rollback']],
  ['patchcycle window o', ['open']],
  ['patchcycle --state cycle snapshot l', ['list']],
  ['patchcycle cycle rollback cycle/acme/servers/2026-11-22 --r', ['--ring']],
  ['patchcycle cycle start --client cycle --p', ['--policy']],
  ['patchcycle report write --out', ['--output']],
  ['patchcycle cycle halt --why ', []],
  ['cli/patchcycle.js completion z', ['zsh']],
];

/** What each shell does to complete the line in $@, with the script in $0. */
const shells = {
  bash: 'eval "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _patchcycle; printf "%s\\n" "${COMPREPLY[@]}"',
  zsh:
    'compdef() { :; }; _files() { :; }; ' +
    'compadd() { shift; for each in "$@"; do [[ $each == "$words[CURRENT]"* ]] && print -r -- "$each"; done; }; ' +
    'eval "$0"; words=("$@"); CURRENT=$#; _patchcycle; true',
};

describe.for(Object.entries(shells))('%s', ([shell, completes]) => {
  let script = '';
  beforeAll(async () => {
    script = (await promisify(execFile)(process.execPath, [command, 'completion', shell])).stdout;
  });

  test.skipIf(!isInstalled(shell)).for(lines)('completes %j', async ([line, completions]) => {
    const { stdout, stderr } = await promisify(execFile)(shell, ['-c', completes, script, ...line.split(' ')]);
    expect(stderr).toBe('');
    expect(stdout.split('\n').filter(Boolean)).toEqual(completions);
  });

  test('is told of every command that the help names', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [command, '--help']);
    const names = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = '']) => name);
    expect(names).toContain('cycle');
    expect(script).toContain(`'') completions='${names.join(' ')} --`);
  });
});
