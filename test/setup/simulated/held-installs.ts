/** Installs that stay in their middle until they are let go on: a moment that would be over before anybody has seen it. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningStack } from '../stack/running-stack.ts';

export type HeldInstall = {
  /** Comes with a release, as its fault. */
  readonly heldBy: string;
  /** From now on whoever configures that release does not end. */
  hold(): void;
  letGo(): void;
};

export function heldInstall({ fleetDirectory }: RunningStack, name: string): HeldInstall {
  const heldBy = join(fleetDirectory, `${name}.held`);
  return {
    heldBy,
    hold: () => writeFileSync(heldBy, ''),
    letGo: () => rmSync(heldBy),
  };
}

/** Whether its package manager is at work, and in the middle of a package. */
export function installs(stack: RunningStack, name: string): boolean {
  const { packages, runs } = stack.endpoint(name).state();
  return packages.some((each) => each.status !== 'installed') && Object.values(runs).some((run) => run.end === null);
}
