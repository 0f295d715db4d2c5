/** The same contract against apt, on a real Debian endpoint, through the agent as it is shipped. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, vi } from 'vitest';
import { run } from '../../activities/adapters/command.ts';
import { openAuthority } from '../../activities/adapters/certificates/authority.ts';
import { httpsAgents } from '../../activities/adapters/agents/https.ts';
import { buildAgent } from '../../tools/build-agent.ts';
import { replaceAgent, writeAgentConfiguration } from '../../tools/lab/endpoint.ts';
import { labStatus } from '../../tools/lab/lab.ts';
import { execIn } from '../../tools/lab/machine.ts';
import { commandInSite } from '../../tools/lab/passage.ts';
import { publish } from '../../tools/lab/repository.ts';
import { controlIdentity, writeIdentity } from '../agent/standing.ts';
import { describeInLab } from '../lab/lab-standing.ts';
import { describePackageBackEnd } from './package-back-end-contract.ts';
import type { PackageWorld, PlantedVersion } from './package-back-end-contract.ts';

const deadMirror = 'etc/apt/apt.conf.d/99-cut';

describeInLab('the package back end of a Debian endpoint', { sites: 1, endpoints: 1 }, (directory) => {
  let world: PackageWorld;
  let folder: string;
  let close: () => Promise<void>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'patchcycle-packages-'));
    const [endpoint] = labStatus(directory).endpoints;
    if (!endpoint) throw new Error('The lab has no endpoint.');
    const root = (path: string) => join(endpoint.rootDirectory, path);
    const authority = await openAuthority(join(folder, 'authority'));
    await writeIdentity(authority, endpoint.name, root('var/lib/patchcycle'));
    await replaceAgent(directory, (await buildAgent()).program);
    const listen = { host: '0.0.0.0', port: 7443 };
    await writeAgentConfiguration(directory, endpoint.name, { listen, stateDirectory: '/var/lib/patchcycle' });
    const socketPath = join(folder, 'agent.sock');
    const passage = relay(
      socketPath,
      commandInSite(directory, endpoint.site),
      `TCP:${endpoint.address}:${listen.port}`,
    );
    world = {
      agents: httpsAgents(await controlIdentity(authority)),
      endpoint: { endpointId: endpoint.name, address: { socketPath } },
      publish: async (...versions) => {
        await publish(directory, await Promise.all(versions.map((version) => build(folder, version))));
      },
      cutMirror: async (cut) => {
        if (!cut) return rm(root(deadMirror));
        const dead = 'http://127.0.0.1:9';
        return writeFile(root(deadMirror), `Acquire::http::Proxy "${dead}";\nAcquire::Retries "0";\n`);
      },
      versionOf: async (name) => {
        const format = '--showformat=${db:Status-Abbrev} ${Version}';
        const { stdout } = await execIn(directory, endpoint.name, ['dpkg-query', '--show', format, name]);
        return /^ii {2}(\S+)/.exec(stdout)?.[1] ?? null;
      },
      upgradesOf: async (name) =>
        (await readFile(root('var/log/dpkg.log'), 'utf8')).split(` upgrade ${name}:`).length - 1,
    };
    close = async () => {
      await passage();
      await rm(folder, { recursive: true });
    };
    await vi.waitUntil(() => world.agents.health(world.endpoint).catch(() => null), { timeout: 20_000, interval: 100 });
  });
  afterAll(() => close());

  describePackageBackEnd(() => world, 240_000);
});

/** Makes an address of the site answer at a socket file. Returns what ends it. */
function relay(socketPath: string, inSite: readonly string[], to: string): () => Promise<void> {
  const [program, ...args] = [...inSite, 'socat', `UNIX-LISTEN:${socketPath},fork,unlink-early`, to];
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return async () => {
    child.kill();
    await ended;
  };
}

/** Builds a package file; the same version is built once. */
async function build(
  folder: string,
  { package: name, version, depends = [], conflicts = [], configure }: PlantedVersion,
): Promise<string> {
  const file = join(folder, `${name}_${version}_all.deb`);
  if (existsSync(file)) return file;
  const tree = join(folder, `${name}_${version}`);
  const documents = join(tree, 'usr/share/doc', name);
  await mkdir(join(tree, 'DEBIAN'), { recursive: true });
  await mkdir(documents, { recursive: true });
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: all',
    'Maintainer: Lab <lab@example.org>',
    ...(depends.length > 0 ? [`Depends: ${depends.join(', ')}`] : []),
    ...(conflicts.length > 0 ? [`Conflicts: ${conflicts.join(', ')}`] : []),
    'Description: planted for a test',
  ];
  await writeFile(join(tree, 'DEBIAN/control'), `${control.join('\n')}\n`);
  if (configure !== undefined) {
    const script = join(tree, 'DEBIAN/postinst');
    await writeFile(script, `#!/bin/sh\n${configure === 'fails' ? 'exit 1' : 'sleep 1000000'}\n`);
    await chmod(script, 0o755);
  }
  await writeFile(
    join(documents, 'changelog.gz'),
    gzipSync(changelogOf(name, version === '1.0' ? ['1.0'] : [version, '1.0'])),
  );
  await run(['dpkg-deb', '--build', '--root-owner-group', tree, file]);
  return file;
}

function changelogOf(name: string, versions: readonly string[]): string {
  const entries = versions.map(
    (version) =>
      `${name} (${version}) lab; urgency=low\n\n  * Planted.\n\n -- Lab <lab@example.org>  Wed, 21 Oct 2026 16:54:24 +0700\n`,
  );
  return entries.join('\n');
}
