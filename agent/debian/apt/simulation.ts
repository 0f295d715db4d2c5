/** Reads what `apt-get --simulate` prints. */
import type { Patch } from '../../../domain/patch.ts';
import { lines } from '../dpkg.ts';

export type SimulatedInstall = Patch & { readonly origins: readonly string[] };

export type Simulation = {
  readonly installs: readonly SimulatedInstall[];
  readonly removes: readonly string[];
  readonly downgrades: readonly string[];
  /** Packages on hold that would be changed. */
  readonly heldChanged: readonly string[];
};

export function parseSimulation(stdout: string): Simulation {
  return {
    installs: lines(stdout).flatMap((line) => parseInstall(line) ?? []),
    removes: lines(stdout).flatMap((line) => /^(?:Remv|Purg) (\S+)/.exec(line)?.[1]?.replace(/:.*$/, '') ?? []),
    downgrades: listedUnder(stdout, 'The following packages will be DOWNGRADED:'),
    heldChanged: listedUnder(stdout, 'The following held packages will be changed:'),
  };
}

/** Nothing is removed, downgraded, or changed against a hold or a pin. */
export function installsOnly({ removes, downgrades, heldChanged }: Simulation): boolean {
  return removes.length === 0 && downgrades.length === 0 && heldChanged.length === 0;
}

export function onlyInstalling(installs: readonly SimulatedInstall[]): Simulation {
  return { installs, removes: [], downgrades: [], heldChanged: [] };
}

/** `Inst NAME [OLD] (NEW LABEL:VERSION/SUITE, … [ARCH]) […]`; without `[OLD]` when the package is new. */
function parseInstall(line: string): SimulatedInstall | null {
  const [, name = '', from, to, origins = '', architecture] =
    /^Inst (\S+)(?: \[([^\]]+)\])? \((\S+) ?(.*?) ?\[([^\]]+)\]\)/.exec(line) ?? [];
  if (to === undefined || architecture === undefined) return null;
  return {
    package: name.replace(/:.*$/, ''),
    architecture,
    from: from ?? null,
    to,
    origins: origins.split(', ').filter((origin) => origin !== ''),
  };
}

/** Names in the indented block under a heading. */
function listedUnder(text: string, heading: string): readonly string[] {
  const [, after] = text.split(`${heading}\n`);
  const block = /^(?: .*\n?)*/.exec(after ?? '')?.[0] ?? '';
  return block
    .split(/\s+/)
    .filter((name) => name !== '')
    .map((name) => name.replace(/:.*$/, ''));
}

export type Impossible = { readonly package: string; readonly because: string };

/** Which of the packages that were asked for cannot be had, in apt's words. */
export function parseImpossible(stdout: string, stderr: string): readonly Impossible[] {
  const errors = lines(stderr).flatMap((line) => {
    const [, name] =
      /^E: (?:Version '[^']*' for '([^']+)' was not found|Unable to locate package (\S+)|Package '([^']+)' has no installation candidate)/
        .exec(line)
        ?.filter((part) => part !== undefined) ?? [];
    return name === undefined ? [] : [{ package: name.replace(/:.*$/, ''), because: line.slice(3) }];
  });
  return [...errors, ...parseUnmet(`${stdout}\n${stderr}`)];
}

/** Lines such as ` nginx : Depends: libssl3 (>= 3.1) but 3.0.22 is to be installed`, the name only on its first. */
function parseUnmet(text: string): readonly Impossible[] {
  return listedLines(text, 'The following packages have unmet dependencies:').flatMap((line) => {
    const [, name, because] = /^ (\S+?)(?::[a-z0-9]+)? : (.*)$/.exec(line) ?? [];
    return name === undefined || because === undefined ? [] : [{ package: name, because: because.trim() }];
  });
}

function listedLines(text: string, heading: string): readonly string[] {
  const [, after] = text.split(`${heading}\n`);
  return lines(/^(?: .*\n?)*/.exec(after ?? '')?.[0] ?? '');
}
