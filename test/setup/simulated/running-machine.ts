/** A simulated machine alone, in this process: no agent, no hypervisor. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Run, RunEnd } from '../../../agent/machine.ts';
import type { Patch } from '../../../domain/patch.ts';
import type { ArchiveVersion } from '../../../fleets/simulated/archive.ts';
import { writeJson } from '../../../fleets/simulated/files.ts';
import { machineFiles } from '../../../fleets/simulated/layout.ts';
import { bootIdOf, freshMachine } from '../../../fleets/simulated/machine-state.ts';
import type { MachineState } from '../../../fleets/simulated/machine-state.ts';
import { SimulatedMachine } from '../../../fleets/simulated/machine.ts';
import { fastPace } from './running-fleet.ts';

export type RunningMachine = {
  machine(): SimulatedMachine;
  publish(...versions: readonly ArchiveVersion[]): void;
  /** The process dies and is started again: the same boot goes on. */
  takeUpAgain(): SimulatedMachine;
  /** The plug is pulled and put in again. */
  bootAgain(): SimulatedMachine;
  run(runId: string, run: Run): Promise<RunEnd>;
  dpkgLog(): Promise<string>;
  readonly powerLost: string[];
};

export async function startMachine(change: (state: MachineState) => void = () => undefined): Promise<RunningMachine> {
  const folder = await mkdtemp(join(tmpdir(), 'patchcycle-machine-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const files = machineFiles(folder);
  const state = freshMachine('web-1', fastPace);
  change(state);
  writeJson(files.state, state);
  const powerLost: string[] = [];
  let published: readonly ArchiveVersion[] = [];
  let boots = 0;
  const open = (): SimulatedMachine =>
    new SimulatedMachine(files, {
      reboot: () => undefined,
      losePower: (until) => {
        powerLost.push(until);
        machine.halt();
      },
      silenceAgent: () => undefined,
    });
  const boot = (): SimulatedMachine => {
    const booted = open();
    booted.boot(bootIdOf(state.machineId, ++boots));
    return booted;
  };
  let machine = boot();
  onTestFinished(() => machine.halt());
  return {
    machine: () => machine,
    powerLost,
    publish: (...versions) => {
      published = [...published, ...versions];
      writeJson(files.archive, published);
    },
    takeUpAgain: () => {
      machine.halt();
      machine = open();
      machine.resume();
      return machine;
    },
    bootAgain: () => {
      machine.halt();
      machine = boot();
      return machine;
    },
    run: async (runId, run) => {
      await machine.packages.prefetch(run.patches);
      await machine.packages.startRun(runId, run);
      return machine.packages.runEnd(runId, AbortSignal.timeout(10_000));
    },
    dpkgLog: () => readFile(files.dpkgLog, 'utf8'),
  };
}

/** A version of nginx that nobody published, with what the test wants of it. */
export function nginxVersion(more: Partial<ArchiveVersion> = {}): ArchiveVersion {
  return {
    package: 'nginx',
    version: '1.22.1-9+deb12u10',
    architecture: 'amd64',
    source: 'nginx',
    sourceVersion: '1.22.1-9+deb12u10',
    origin: 'Debian-Security:12/oldstable-security',
    sizeBytes: 530_000,
    depends: ['libssl3 (>= 3.0.0)', 'nginx-common (>= 1.22.1-9+deb12u9)'],
    ...more,
  };
}

export const nginxPatch: Patch = {
  package: 'nginx',
  architecture: 'amd64',
  from: '1.22.1-9+deb12u9',
  to: '1.22.1-9+deb12u10',
};
