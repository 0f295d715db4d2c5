/** The same contract against apt, on a real Debian endpoint, through the agent as it is shipped. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, vi } from 'vitest';
import { openAuthority } from '../../activities/adapters/certificates/authority.ts';
import { httpsAgents } from '../../activities/adapters/agents/https.ts';
import { buildAgent } from '../../programs/build-agent.ts';
import { replaceAgent, writeAgentConfiguration } from '../../fleets/lab/endpoint.ts';
import { labStatus } from '../../fleets/lab/lab.ts';
import { execIn } from '../../fleets/lab/machine.ts';
import { commandInSite } from '../../fleets/lab/passage.ts';
import { publish } from '../../fleets/lab/repository.ts';
import { controlIdentity, writeIdentity } from '../setup/agent/test-agent.ts';
import { describeInLab } from '../setup/lab/in-lab.ts';
import { buildPackage } from '../setup/lab/planted-packages.ts';
import { relayFromSite } from '../setup/lab/site-relay.ts';
import { describePackageBackEnd, packageBackEndContract } from './package-back-end-contract.ts';
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
    const passage = await relayFromSite(socketPath, commandInSite(directory, endpoint.site), {
      host: endpoint.address,
      port: listen.port,
    });
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
        // A held package is `hi`.
        return /^[ih]i {2}(\S+)/.exec(stdout)?.[1] ?? null;
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

  // What hangs is ended after its limit, a minute at least, and twice: that is the simulated machine's to show.
  const clauses = packageBackEndContract.filter(({ sentence }) => !sentence.includes('hangs'));
  describePackageBackEnd(() => world, { clauses, timeoutMilliseconds: 240_000 });
});

const configureSteps = { fails: ['exit 1'], hangs: ['sleep 1000000'] } as const;

function build(folder: string, { configure, ...planted }: PlantedVersion): Promise<string> {
  return buildPackage(folder, configure ? { ...planted, configure: configureSteps[configure] } : planted);
}
