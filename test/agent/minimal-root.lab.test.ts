/** The agent as it is shipped, in a root that holds what every Debian has for its own apt, and nothing else. */
import { spawn } from 'node:child_process';
import { copyFileSync, cpSync, appendFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openAuthority } from '../../activities/adapters/certificates/authority.ts';
import { httpsAgents } from '../../activities/adapters/agents/https.ts';
import { run } from '../../activities/adapters/command.ts';
import { agentVersion } from '../../agent/version.ts';
import { agentRuntime } from '../../programs/agent-runtime.ts';
import { buildAgent } from '../../programs/build-agent.ts';
import { controlIdentity, writeIdentity } from '../setup/agent/test-agent.ts';
import { temporaryFolder } from '../setup/folder.ts';
import { describeWhereLabCanBe } from '../setup/lab/in-lab.ts';
import { relayFromSite } from '../setup/lab/site-relay.ts';

const listen = { host: '127.0.0.1', port: 7443 };
const lockFile = join(import.meta.dirname, '../../package-lock.json');

/** The version that package-lock.json pins for the runtime of this machine's agents. */
function pinnedRuntime(): string | undefined {
  const { packages } = JSON.parse(readFileSync(lockFile, 'utf8')) as { packages: Record<string, { version: string }> };
  return packages[`node_modules/node-linux-${process.arch}`]?.version;
}

/** A root with the libraries of C and C++, and no program at all. */
async function minimalRoot(): Promise<string> {
  const root = join(temporaryFolder(), 'root');
  for (const folder of ['lib', 'lib64']) {
    mkdirSync(join(root, 'usr', folder), { recursive: true });
    symlinkSync(join('usr', folder), join(root, folder));
  }
  const architecture = (await run(['dpkg', '--print-architecture'])).trim();
  const packages = ['libc6', 'libgcc-s1', 'libstdc++6'].map((name) => `${name}:${architecture}`);
  const files = (await run(['dpkg-query', '--listfiles', ...packages])).split('\n');
  for (const file of files.filter((name) => /^(?:\/usr)?\/lib(?:64)?\/.*\.so[.\d]*$/.test(name))) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    cpSync(file, join(root, file), { dereference: true });
  }
  for (const folder of ['proc', 'etc', 'tmp']) mkdirSync(join(root, folder));
  return root;
}

/** A network of its own, whose only address is its own: nobody else can have taken the agent's port there. */
async function ownNetwork(): Promise<string> {
  const name = `patchcycle-root-${process.pid}`;
  await run(['ip', 'netns', 'add', name]);
  onTestFinished(async () => void (await run(['ip', 'netns', 'delete', name])));
  await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
  return name;
}

/** Starts a program of the root in it; it ends with the test. Its output is in the returned lines. */
function startIn(root: string, network: string, argv: readonly string[]): string[] {
  const inRoot = ['unshare', '--pid', '--fork', '--kill-child', `--mount-proc=${root}/proc`, 'chroot', root, ...argv];
  const child = spawn('ip', ['netns', 'exec', network, ...inRoot], { env: { PATH: process.env['PATH'] } });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => lines.push(String(chunk)));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return lines;
}

describeWhereLabCanBe('the agent as it is shipped', () => {
  test('runs where nothing is installed but what apt itself needs, with the runtime that the lock file pins', async () => {
    const root = await minimalRoot();
    copyFileSync((await buildAgent()).program, join(root, 'patchcycle-agent'));
    const authority = await openAuthority(join(dirname(root), 'authority'));
    await writeIdentity(authority, 'web-1', join(root, 'state'));
    writeFileSync(join(root, 'etc/agent.json'), JSON.stringify({ listen, stateDirectory: '/state' }));
    const network = await ownNetwork();
    const log = startIn(root, network, ['/patchcycle-agent', '/etc/agent.json']);
    await vi.waitFor(() => expect(log.join('')).toContain('listens on'), { timeout: 20_000, interval: 50 });

    const socketPath = join(dirname(root), 'agent.sock');
    onTestFinished(await relayFromSite(socketPath, ['ip', 'netns', 'exec', network], listen));
    const agents = httpsAgents(await controlIdentity(authority));
    const health = await agents.health({ endpointId: 'web-1', address: { socketPath } });
    expect(health).toMatchObject({ endpointId: 'web-1', agentVersion, runtimeVersion: pinnedRuntime() });
  });

  test('is made again when its runtime differs by a byte, and not otherwise', async () => {
    const folder = temporaryFolder();
    const [program, runtime] = [join(folder, 'agent'), join(folder, 'node')];
    copyFileSync(agentRuntime(), runtime);
    expect(await buildAgent(program, runtime)).toEqual({ program, made: true });
    expect(await buildAgent(program, runtime)).toEqual({ program, made: false });
    appendFileSync(runtime, '\0');
    expect(await buildAgent(program, runtime)).toEqual({ program, made: true });
  });
});
