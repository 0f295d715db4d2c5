/** A real Debian machine, as the agent needs it. */
import { stat } from 'node:fs/promises';
import type { Machine, Observation } from '../machine.ts';
import { dependencyProblems } from './apt/apt-get.ts';
import { prefetch } from './apt/archives.ts';
import { changelogs } from './apt/changelogs.ts';
import { dryRun } from './apt/planning.ts';
import { withoutOld } from './apt/rollback.ts';
import { systemdRuns } from './apt/runs.ts';
import { availableUpdates } from './apt/updates.ts';
import { runCheck } from './checks.ts';
import type { DpkgPackage } from './dpkg.ts';
import { alteredFiles, audit, firstLine, isInstalled, knownPackages, toInstalledPackage } from './dpkg.ts';
import { detectVirtualization, readBootId, readFacts } from './facts.ts';
import { findStaleProcesses } from './mapped-files.ts';
import { run } from './program.ts';
import { pendingReboot, requestReboot } from './reboot.ts';
import { restartServices, serviceStates, staleServices } from './services.ts';

/** `program` is how this agent is started: its file and what comes before its own arguments. */
export function debianMachine(stateDirectory: string, program: readonly string[]): Machine {
  return {
    facts: readFacts,
    bootId: readBootId,
    pendingReboot: async () => {
      const [known, stale, { container }] = await Promise.all([
        knownPackages(),
        findStaleProcesses(),
        detectVirtualization(),
      ]);
      return pendingReboot(known, stale, container);
    },
    installed: async (packages) => {
      const [known, audited] = await Promise.all([knownPackages(), audit()]);
      return { installed: named(known, packages).map(toInstalledPackage), audit: audited };
    },
    observe,
    check: runCheck,
    restartServices,
    reboot: requestReboot,
    sync,
    packages: {
      availableUpdates,
      dryRun,
      prefetch,
      withoutOld,
      changelogs,
      ...systemdRuns(stateDirectory, program),
    },
  };
}

async function observe(packages: readonly string[]): Promise<Observation> {
  const known = await knownPackages();
  const asked = named(known, packages);
  const [stale, { container }] = await Promise.all([findStaleProcesses(), detectVirtualization()]);
  const [bootId, audited, problems, altered, reboot, services] = await Promise.all([
    readBootId(),
    audit(),
    dependencyProblems(),
    alteredFiles(asked.map((each) => each.name)),
    pendingReboot(known, stale, container),
    serviceStates(),
  ]);
  return {
    bootId,
    installed: asked.map(toInstalledPackage),
    audit: audited,
    dependencyProblems: problems,
    alteredFiles: altered,
    pendingReboot: reboot,
    staleServices: staleServices(stale),
    services,
  };
}

/** Those of the packages that are wholly installed. */
function named(known: readonly DpkgPackage[], packages: readonly string[]): readonly DpkgPackage[] {
  return known.filter((each) => packages.includes(each.package) && isInstalled(each));
}

/** Where packages write to. */
const written = ['/', '/usr', '/etc', '/var', '/var/lib', '/boot', '/opt'];

/** Each file system once: without names `sync` would wait for those of other machines on the same kernel as well. */
async function sync(): Promise<void> {
  const found = await Promise.all(
    written.map(async (path) => ({
      path,
      device: await stat(path).then(
        ({ dev }) => dev,
        () => null,
      ),
    })),
  );
  const first = found.filter(
    ({ device }, at) => device !== null && found.findIndex((each) => each.device === device) === at,
  );
  const ran = await run('sync', ['--file-system', ...first.map(({ path }) => path)], { milliseconds: 10 * 60_000 });
  if (ran.code !== 0) throw new Error(`The file system cannot be synced: ${firstLine(ran.stderr)}`);
}
