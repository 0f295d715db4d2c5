import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CommandFailed, endOf, run } from '../../activities/adapters/command.ts';
import { hasWorked, killFamily, workOf } from '../../activities/adapters/program-family.ts';
import { until } from '../../fleets/lab/until.ts';
import { identifyProcess } from '../../embedded/process-identity.ts';
import { temporaryFolder } from '../setup/folder.ts';
import { writeProgram } from '../setup/program.ts';

const limitMilliseconds = 20_000;
const isGone = (pid: number) => identifyProcess(pid) === undefined;
const pidIn = (file: string) => Number(readFileSync(file, 'utf8'));

/** A program that says something, starts two helpers (one of them in a session of its own), and goes silent with them. */
function silentProgram(): { readonly program: string; readonly pids: readonly string[] } {
  const folder = temporaryFolder();
  const pids = ['self', 'helper', 'loner'].map((name) => path.join(folder, name));
  const [self = '', helper = '', loner = ''] = pids;
  const noted = (file: string) => `echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 1000`;
  const script = [
    'echo beginning',
    `sh -c '${noted(helper)}' &`,
    `setsid sh -c '${noted(loner)}' &`,
    `echo $$ > ${self}.new; mv ${self}.new ${self}`,
    // Each look is work: it goes silent when everybody is there, and not before.
    `until [ -e ${helper} ] && [ -e ${loner} ]; do sleep 0.05; done`,
    'wait',
  ];
  return { program: writeProgram(folder, 'silent', script.join('\n')), pids };
}

describe.runIf(process.platform === 'linux')('a program that goes silent', () => {
  it('is ended with all that it started, and the sentence names it and the limit', async () => {
    const { program, pids } = silentProgram();
    const failure = run([program, 'update'], { idleMilliseconds: 1000 });
    await expect(failure).rejects.toThrow(`"${program} update" was ended: it neither said nor did anything for 1 s.`);
    for (const file of pids) await until(`${file} is gone`, () => isGone(pidIn(file)), limitMilliseconds);
  });

  it('is called by a shorter name where it has one', async () => {
    const failure = endOf(['sleep', '1000'], { idleMilliseconds: 200, name: 'apt-get update in e1' });
    await expect(failure).rejects.toEqual(
      new CommandFailed('"apt-get update in e1" was ended: it neither said nor did anything for 0.2 s.', null),
    );
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('does not outlive who called it and is ended by %s', async (signal) => {
    const { program, pids } = silentProgram();
    const command = JSON.stringify(path.join(import.meta.dirname, '../../activities/adapters/command.ts'));
    const script = `const { run } = await import(${command}); await run([${JSON.stringify(program)}]);`;
    const caller = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script]);
    const ended = once(caller, 'exit');
    await until('everything runs', () => pids.every(existsSync), limitMilliseconds);
    caller.kill(signal);
    expect(await ended).toEqual([null, signal]);
    for (const file of pids) await until(`${file} is gone`, () => isGone(pidIn(file)), limitMilliseconds);
  });
});

describe('work', () => {
  const nothing = { pids: [7, 8], bytes: 1000, cpuSeconds: 3 };
  it.each([
    ['nothing is none', nothing, false],
    ['looking around twice a second is none', { ...nothing, cpuSeconds: 3.02 }, false],
    ['computing is', { ...nothing, cpuSeconds: 4 }, true],
    ['reading and writing is', { ...nothing, bytes: 1001 }, true],
    ['a process that comes or ends is', { ...nothing, pids: [7, 9] }, true],
  ])('%s', (_, now, worked) => {
    expect(hasWorked(nothing, now, 30)).toBe(worked);
  });

  it.runIf(process.platform === 'linux').each([
    ['computes', 'while :; do :; done'],
    ['moves bytes', 'while :; do cat /proc/uptime >/dev/null; sleep 0.01; done'],
    ['does it by another', 'sh -c "while :; do :; done" & wait'],
  ])('is seen in a program that %s', async (_, script) => {
    const busy = spawn('sh', ['-c', script], { detached: true, stdio: 'ignore' });
    await once(busy, 'spawn');
    const leader = busy.pid ?? 0;
    try {
      const before = workOf(leader);
      await until('work is seen', () => hasWorked(before, workOf(leader), 1), limitMilliseconds);
    } finally {
      killFamily(leader);
    }
  });
});
