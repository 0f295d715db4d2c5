/** What the archives offer. */
import type { AvailableUpdate } from '../../../domain/patch.ts';
import { PackageManagerFailed } from '../../machine.ts';
import { run } from '../program.ts';
import { complaint, simulate, update } from './apt-get.ts';
import { packageState, rememberPlan } from './known-plans.ts';
import { installsOnly, parseSimulation } from './simulation.ts';
import type { SimulatedInstall } from './simulation.ts';

/** See `PackageBackEnd.availableUpdates`. Packages that would be new come with a dry run, they are no updates. */
export async function availableUpdates(): Promise<readonly AvailableUpdate[]> {
  await update();
  const state = await packageState();
  const ran = await simulate('dist-upgrade');
  if (ran.code !== 0) throw new PackageManagerFailed(`apt-get cannot tell what is to be upgraded: ${complaint(ran)}`);
  const simulation = parseSimulation(ran.stdout);
  const upgrades = simulation.installs.filter((each) => each.from !== null);
  // Then they need nothing else, and to install all of them by name does the same.
  if (installsOnly(simulation) && upgrades.length === simulation.installs.length) await rememberPlan(state, upgrades);
  if (upgrades.length === 0) return [];
  const candidates = await showCandidates(upgrades);
  return upgrades.map((upgrade) => describe(upgrade, candidates));
}

async function showCandidates(upgrades: readonly SimulatedInstall[]): Promise<readonly Stanza[]> {
  const names = upgrades.map(({ package: name, architecture, to }) =>
    architecture === 'all' ? `${name}=${to}` : `${name}:${architecture}=${to}`,
  );
  const ran = await run('apt-cache', ['show', '--', ...names]);
  if (ran.code !== 0) throw new PackageManagerFailed(`apt-cache cannot show the updates: ${complaint(ran)}`);
  return parseStanzas(ran.stdout);
}

function describe(upgrade: SimulatedInstall, candidates: readonly Stanza[]): AvailableUpdate {
  const { package: name, architecture, from, to, origins } = upgrade;
  const shown = candidates.find(
    (stanza) =>
      stanza.get('Package') === name && stanza.get('Version') === to && stanza.get('Architecture') === architecture,
  );
  if (!shown || from === null) throw new PackageManagerFailed(`apt-cache knows nothing of ${name} ${to}.`);
  const size = Number(shown.get('Size'));
  return {
    package: name,
    architecture,
    from,
    to,
    ...sourceOf(shown),
    origins,
    sizeBytes: Number.isSafeInteger(size) ? size : 0,
  };
}

export type Stanza = ReadonlyMap<string, string>;

/** Paragraphs of `Field: value` (Debian Policy §5.1), without their continuation lines. */
export function parseStanzas(text: string): readonly Stanza[] {
  return text
    .split(/\n{2,}/)
    .map(
      (block) =>
        new Map([...block.matchAll(/^([A-Za-z0-9-]+): ?(.*)$/gm)].map(([, key = '', value = '']) => [key, value])),
    )
    .filter((stanza) => stanza.size > 0);
}

/** `Source: perl (5.36.0-7)`; absent when it is named and numbered as the binary package. */
export function sourceOf(stanza: Stanza): { readonly source: string; readonly sourceVersion: string } {
  const [, source, version] = /^(\S+)(?: \(([^)]+)\))?/.exec(stanza.get('Source') ?? '') ?? [];
  return {
    source: source ?? stanza.get('Package') ?? '',
    sourceVersion: version ?? stanza.get('Version') ?? '',
  };
}
