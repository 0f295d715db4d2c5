/** The least machine an agent can run on: what it was asked is written down, and runs end when the test says so. */
import { describeCheck } from '../../../domain/endpoints/check.ts';
import type { InstalledPackage } from '../../../domain/endpoints/endpoint.ts';
import type { AvailableUpdate } from '../../../domain/patch.ts';
import { PackageManagerFailed } from '../../../agent/machine.ts';
import type { Machine, Run, RunEnd } from '../../../agent/machine.ts';

export type TinyMachine = Machine & {
  /** The effects that reached the machine, in order. */
  readonly effects: readonly string[];
  present: InstalledPackage[];
  audit: string;
  boot: string;
  /** Ends a run: the planned versions are installed first unless told otherwise. */
  endRun(runId: string, end?: Partial<RunEnd>, installs?: boolean): void;
  /** Every further request to start a run fails with this. */
  startFails: string | null;
  mirrorFails: string | null;
};

export const boots = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'] as const;

export const opensslUpdate: AvailableUpdate = {
  package: 'openssl',
  architecture: 'amd64',
  from: '3.0.20-1~deb12u2',
  to: '3.0.22-1~deb12u2',
  source: 'openssl',
  sourceVersion: '3.0.22-1~deb12u2',
  origins: ['Debian-Security:12/oldstable-security'],
  sizeBytes: 1_441_784,
};
export const opensslPatch = {
  package: 'openssl',
  architecture: 'amd64',
  from: opensslUpdate.from,
  to: opensslUpdate.to,
};

export function tinyMachine(): TinyMachine {
  const effects: string[] = [];
  const runs = new Map<string, { run: Run; ended: Promise<RunEnd>; end: (end: RunEnd) => void }>();
  const mirror = () => {
    if (tiny.mirrorFails !== null) throw new PackageManagerFailed(tiny.mirrorFails);
  };
  const tiny: TinyMachine = {
    effects,
    present: [{ package: 'openssl', architecture: 'amd64', version: opensslUpdate.from }],
    audit: '',
    boot: boots[0],
    startFails: null,
    mirrorFails: null,
    endRun: (runId, end = {}, installs = true) => {
      const started = runs.get(runId);
      if (!started) throw new Error(`no run ${runId}`);
      if (installs) {
        tiny.present = started.run.patches.map(({ to: version, ...patch }) => ({ ...patch, version }));
      }
      started.end({ ending: 'finished', because: 'It finished.', packagesAtFault: [], ...end });
    },
    facts: async () => ({
      hostname: 'tiny',
      machineId: '0'.repeat(32),
      bootId: tiny.boot,
      os: { id: 'debian', version: '12', codename: 'bookworm' },
      kernel: '6.1.0-40-amd64',
      hardware: {
        architecture: 'amd64',
        cpus: 1,
        memoryMebibytes: 512,
        rootDiskMebibytes: 8192,
        rootFreeMebibytes: 4096,
        virtualization: 'none',
      },
      packages: tiny.present,
      heldPackages: [],
      applications: [],
      services: [],
      pendingReboot: { due: false, because: [] },
      otherUpdaters: [],
    }),
    bootId: async () => tiny.boot,
    pendingReboot: async () => ({ due: false, because: [] }),
    observe: async (packages) => ({
      bootId: tiny.boot,
      installed: tiny.present.filter((each) => packages.includes(each.package)),
      audit: tiny.audit,
      dependencyProblems: '',
      alteredFiles: [],
      pendingReboot: { due: false, because: [] },
      staleServices: [],
      services: [],
    }),
    installed: async (packages) => ({
      installed: tiny.present.filter((each) => packages.includes(each.package)),
      audit: tiny.audit,
    }),
    check: async (check) => ({ check: describeCheck(check), passed: true, observed: 'active' }),
    restartServices: async (services, sinceAt) => {
      effects.push(`restart ${services.join(' ')} since ${sinceAt}`);
      return services.includes('broken') ? [{ service: 'broken', because: 'failed' }] : [];
    },
    reboot: async () => {
      effects.push('reboot');
    },
    sync: async () => undefined,
    packages: {
      availableUpdates: async () => {
        mirror();
        return [opensslUpdate];
      },
      dryRun: async (patches) => ({ patches, removes: [], downgrades: [], impossible: [] }),
      prefetch: async (patches) => {
        mirror();
        effects.push(`prefetch ${patches.length}`);
      },
      withoutOld: async () => [],
      changelogs: async () => [],
      startRun: async (runId, run) => {
        if (tiny.startFails !== null) throw new Error(tiny.startFails);
        effects.push(`${run.kind} ${run.patches.map((patch) => patch.package).join(' ')}`);
        let end: (end: RunEnd) => void = () => undefined;
        const ended = new Promise<RunEnd>((resolve) => {
          end = resolve;
        });
        runs.set(runId, { run, ended, end });
      },
      runEnd: async (runId, signal) => {
        const started = runs.get(runId);
        if (!started) return { ending: 'lost', because: 'It left no result.', packagesAtFault: [] };
        const aborted = new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        });
        return Promise.race([started.ended, aborted]);
      },
      runProgress: async (runId) =>
        runs.has(runId) ? { doing: 'Unpacks.', logTail: 'Unpacking openssl' } : { doing: '', logTail: '' },
    },
  };
  return tiny;
}
