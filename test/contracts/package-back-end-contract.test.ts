import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { openAuthority } from '../../activities/adapters/certificates/authority.ts';
import { httpsAgents } from '../../activities/adapters/agents/https.ts';
import { startAgent } from '../../agent/agent.ts';
import type { ArchiveVersion } from '../../fleets/simulated/archive.ts';
import { writeJson } from '../../fleets/simulated/files.ts';
import { machineFiles } from '../../fleets/simulated/layout.ts';
import { bootIdOf, freshMachine } from '../../fleets/simulated/machine-state.ts';
import { SimulatedMachine } from '../../fleets/simulated/machine.ts';
import { controlIdentity, writeIdentity } from '../setup/agent/test-agent.ts';
import { describePackageBackEnd } from './package-back-end-contract.ts';
import type { PackageWorld, PlantedVersion } from './package-back-end-contract.ts';

const pace = { packageMilliseconds: 20, shutdownMilliseconds: 20, bootMilliseconds: 20, limitMinuteMilliseconds: 300 };

describe('the package back end of a simulated machine', () => {
  let world: PackageWorld;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'patchcycle-packages-'));
    const files = machineFiles(folder);
    writeJson(files.state, freshMachine('web-1', pace));
    const machine = new SimulatedMachine(files, {
      reboot: () => undefined,
      losePower: () => undefined,
      silenceAgent: () => undefined,
    });
    machine.boot(bootIdOf(machine.state.machineId, 1));
    const authority = await openAuthority(join(folder, 'authority'));
    await writeIdentity(authority, 'web-1', files.stateDirectory);
    const { stateDirectory } = files;
    const agent = await startAgent({ machine, stateDirectory, listen: { host: '127.0.0.1', port: 0 } });
    let published: readonly ArchiveVersion[] = [];
    world = {
      agents: httpsAgents(await controlIdentity(authority)),
      endpoint: { endpointId: 'web-1', address: agent.address },
      publish: async (...versions) => {
        published = [...published, ...versions.map(archiveVersion)];
        writeJson(files.archive, published);
      },
      cutMirror: async (cut) => {
        machine.state.reachesArchives = !cut;
      },
      versionOf: async (name) =>
        machine.state.packages.find((each) => each.package === name && each.status === 'installed')?.version ?? null,
      upgradesOf: async (name) => (await readFile(files.dpkgLog, 'utf8')).split(` upgrade ${name}:`).length - 1,
    };
    close = async () => {
      await agent.stop();
      machine.halt();
      await rm(folder, { recursive: true });
    };
  });
  afterAll(() => close());

  describePackageBackEnd(() => world);
});

function archiveVersion({
  package: name,
  version,
  depends = [],
  conflicts = [],
  configure,
}: PlantedVersion): ArchiveVersion {
  const entry = `${name} (${version}) lab; urgency=low\n\n  * Planted.\n\n -- Lab <lab@example.org>  Wed, 21 Oct 2026 16:54:24 +0700\n`;
  return {
    package: name,
    version,
    architecture: 'all',
    source: name,
    sourceVersion: version,
    origin: 'Patchcycle-Lab:lab',
    sizeBytes: 800,
    depends: [...depends],
    conflicts: [...conflicts],
    changelog: version === '1.0' ? entry : `${entry}\n${entry.replace(`(${version})`, '(1.0)')}`,
    ...(configure === undefined ? {} : { faults: configure === 'fails' ? { failsConfigure: true } : { hangs: true } }),
  };
}
