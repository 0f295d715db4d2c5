import { createHash } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import type { AgentIdentity, AgentPort } from '../../activities/ports/agent.ts';
import type { OperationBody, OperationReport } from '../../domain/endpoints/operation.ts';
import type { Patch } from '../../domain/patch.ts';

/** A version of a package made for the test, for all architectures, its source named and numbered as itself. */
export type PlantedVersion = {
  readonly package: string;
  readonly version: string;
  readonly depends?: readonly string[];
  readonly conflicts?: readonly string[];
  /** What its configure step does instead of ending well. */
  readonly configure?: 'fails' | 'hangs';
};

/** An endpoint with a package manager, reached through its agent, and ways to look and act behind the agent's back. */
export type PackageWorld = {
  readonly agents: AgentPort;
  readonly endpoint: AgentIdentity;
  publish(...versions: readonly PlantedVersion[]): Promise<void>;
  /** While cut, no archive answers. */
  cutMirror(cut: boolean): Promise<void>;
  /** By the package manager's own database; null when it is not installed. */
  versionOf(name: string): Promise<string | null>;
  /** How often the package manager's log says that the package was upgraded. */
  upgradesOf(name: string): Promise<number>;
};

export type PackageClause = { readonly sentence: string; readonly holds: (world: PackageWorld) => Promise<void> };

/**
 * What any package back end must do, seen from the control plane. Each clause plants packages of its own, so all can
 * be held against one endpoint, and each leaves the package manager in order.
 */
export const packageBackEndContract: readonly PackageClause[] = [
  {
    sentence: 'an update is offered with its source, and its dry run shows it and nothing else',
    holds: async (world) => {
      const patch = await plantUpdate(world, { package: 'planted-plain' });
      const offered = (await world.agents.availableUpdates(world.endpoint)).filter(
        (update) => update.package === patch.package,
      );
      const seen = { ...patch, source: patch.package, sourceVersion: '2.0', origins: expect.any(Array) };
      expect(offered).toEqual([{ ...seen, sizeBytes: expect.any(Number) }]);
      expect(await world.agents.dryRun(world.endpoint, [patch])).toEqual({
        patches: [patch],
        removes: [],
        downgrades: [],
        impossible: [],
      });
    },
  },
  {
    sentence: 'an archive that cannot be reached is a refusal with words, never an empty answer',
    holds: async (world) => {
      await world.cutMirror(true);
      try {
        const asked = world.agents.availableUpdates(world.endpoint);
        await expect(asked).rejects.toMatchObject({ name: 'AgentRefused', code: 'package manager', status: 502 });
      } finally {
        await world.cutMirror(false);
      }
      expect(await world.agents.availableUpdates(world.endpoint)).not.toEqual([]);
    },
  },
  {
    sentence: 'changelog entries are those newer than the installed version',
    holds: async (world) => {
      const patch = await plantUpdate(world, { package: 'planted-changelog' });
      await succeed(world, 'changelog: fetch', { kind: 'prefetch', patches: [patch] });
      const entries = await world.agents.changelogs(world.endpoint, [patch]);
      expect(entries.map((entry) => [entry.package, entry.source, entry.version])).toEqual([
        [patch.package, patch.package, '2.0'],
      ]);
    },
  },
  {
    sentence: 'an install puts the planned version in place, once, however often it is submitted',
    holds: async (world) => {
      const patch = await plantUpdate(world, { package: 'planted-once' });
      await succeed(world, 'once: fetch', { kind: 'prefetch', patches: [patch] });
      await succeed(world, 'once: install', installOf(patch));
      await succeed(world, 'once: install', installOf(patch));
      expect(await world.versionOf(patch.package)).toBe('2.0');
      expect(await world.upgradesOf(patch.package)).toBe(1);
      const evidence = await world.agents.observe(world.endpoint, { packages: [patch.package], checks: [] });
      expect(evidence).toMatchObject({
        installed: [{ package: patch.package, version: '2.0', architecture: 'all' }],
        audit: '',
        dependencyProblems: '',
        alteredFiles: [],
      });
    },
  },
  {
    sentence: 'what was not fetched before is not installed',
    holds: async (world) => {
      const patch = await plantUpdate(world, { package: 'planted-unfetched' });
      expect(await end(world, 'unfetched: install', installOf(patch))).toMatchObject({ state: 'failed' });
      expect(await world.versionOf(patch.package)).toBe('1.0');
    },
  },
  {
    sentence: 'a version that no archive has is impossible, and cannot be fetched',
    holds: async (world) => {
      const patch = { ...(await plantUpdate(world, { package: 'planted-absent' })), to: '3.0' };
      const { patches, impossible } = await world.agents.dryRun(world.endpoint, [patch]);
      expect(patches).toEqual([]);
      expect(impossible).toMatchObject([{ package: patch.package, because: expect.stringContaining('3.0') }]);
      expect(await end(world, 'absent: fetch', { kind: 'prefetch', patches: [patch] })).toMatchObject({
        state: 'failed',
        because: expect.stringMatching(/\w/),
      });
    },
  },
  {
    sentence: 'a downgrade is seen before, and not done',
    holds: async (world) => {
      const patch = await plantUpdate(world, { package: 'planted-down' });
      await succeed(world, 'down: fetch', { kind: 'prefetch', patches: [patch] });
      await succeed(world, 'down: install', installOf(patch));
      const back = { ...patch, from: '2.0', to: '1.0' };
      expect(await world.agents.dryRun(world.endpoint, [back])).toMatchObject({ downgrades: [patch.package] });
      expect(await end(world, 'down: back', installOf(back))).toMatchObject({ state: 'failed' });
      expect(await world.versionOf(patch.package)).toBe('2.0');
    },
  },
  {
    sentence: 'another package is removed only when that was allowed',
    holds: async (world) => {
      await plantUpdate(world, { package: 'planted-victim' });
      const patch = await plantUpdate(world, { package: 'planted-remover', conflicts: ['planted-victim'] });
      await succeed(world, 'remover: fetch', { kind: 'prefetch', patches: [patch] });
      expect(await world.agents.dryRun(world.endpoint, [patch])).toMatchObject({ removes: ['planted-victim'] });
      expect(await end(world, 'remover: refused', installOf(patch))).toMatchObject({
        state: 'failed',
        because: expect.stringContaining('planted-victim'),
      });
      expect(await world.versionOf('planted-victim')).toBe('1.0');
      expect(await world.versionOf(patch.package)).toBe('1.0');
      await succeed(world, 'remover: allowed', { ...installOf(patch), allowRemove: ['planted-victim'] });
      expect(await world.versionOf('planted-victim')).toBeNull();
      expect(await world.versionOf(patch.package)).toBe('2.0');
    },
  },
  {
    sentence: 'what would come along is seen before, and is installed only with a plan that names it',
    holds: async (world) => {
      const extra = { package: 'planted-extra', architecture: 'all', from: null, to: '1.0' };
      await world.publish({ package: extra.package, version: extra.to });
      const patch = await plantUpdate(world, { package: 'planted-bringer', depends: [extra.package] });
      const { patches } = await world.agents.dryRun(world.endpoint, [patch]);
      expect(patches.toSorted(byName)).toEqual([patch, extra]);
      await succeed(world, 'bringer: fetch', { kind: 'prefetch', patches: [patch, extra] });
      expect(await end(world, 'bringer: alone', installOf(patch))).toMatchObject({
        state: 'failed',
        because: expect.stringContaining(extra.package),
      });
      expect(await world.versionOf(patch.package)).toBe('1.0');
      await succeed(world, 'bringer: both', installOf(patch, extra));
      expect([await world.versionOf(patch.package), await world.versionOf(extra.package)]).toEqual(['2.0', '1.0']);
    },
  },
  ...(['fails', 'hangs'] as const).map((configure) => ({
    sentence: `a package whose configure step ${configure} is at fault, and a repair puts its old version back`,
    holds: async (world: PackageWorld) => {
      const patch = await plantUpdate(world, { package: `planted-${configure}`, configure });
      await succeed(world, `${configure}: fetch`, { kind: 'prefetch', patches: [patch] });
      expect(await end(world, `${configure}: install`, installOf(patch))).toMatchObject({
        state: 'failed',
        packagesAtFault: [patch.package],
      });
      const broken = await world.agents.observe(world.endpoint, { packages: [patch.package], checks: [] });
      expect(broken.audit).toContain(patch.package);
      expect(broken.installed).toEqual([]);
      const repair = { kind: 'repair', patches: [patch], limitMinutes: 1 } as const;
      expect(await end(world, `${configure}: repair`, repair)).toMatchObject({ state: 'failed' });
      const repaired = await world.agents.observe(world.endpoint, { packages: [patch.package], checks: [] });
      expect(repaired).toMatchObject({ audit: '', dependencyProblems: '', installed: [{ version: '1.0' }] });
      expect(await world.versionOf(patch.package)).toBe('1.0');
    },
  })),
  {
    sentence:
      'packages are rolled back to exactly the versions from before, what came along is gone, and what is named is held',
    holds: async (world) => {
      const extra = { package: 'planted-back-extra', architecture: 'all', from: null, to: '1.0' };
      await world.publish({ package: extra.package, version: extra.to });
      const patch = await plantUpdate(world, { package: 'planted-back', depends: [extra.package] });
      await succeed(world, 'back: fetch', { kind: 'prefetch', patches: [patch, extra], keepOld: true });
      await succeed(world, 'back: install', installOf(patch, extra));
      const back = rollbackOf(patch, extra);
      await succeed(world, 'back: back', back);
      expect([await world.versionOf(patch.package), await world.versionOf(extra.package)]).toEqual(['1.0', null]);
      await expectInOrder(world, patch.package);
      expect((await world.agents.inventory(world.endpoint)).heldPackages).toContain(patch.package);
      const offered = await world.agents.availableUpdates(world.endpoint);
      expect(offered.map((update) => update.package)).not.toContain(patch.package);
      await succeed(world, 'back: back again, for another reason', back);
      expect(await world.versionOf(patch.package)).toBe('1.0');
    },
  },
  {
    sentence: 'packages whose configure step failed are rolled back too',
    holds: async (world) => {
      const good = await plantUpdate(world, { package: 'planted-whole' });
      const bad = await plantUpdate(world, { package: 'planted-torn', configure: 'fails' });
      await succeed(world, 'torn: fetch', { kind: 'prefetch', patches: [good, bad], keepOld: true });
      expect(await end(world, 'torn: install', installOf(good, bad))).toMatchObject({ state: 'failed' });
      await succeed(world, 'torn: back', { ...rollbackOf(good, bad), hold: [bad.package] });
      expect([await world.versionOf(good.package), await world.versionOf(bad.package)]).toEqual(['1.0', '1.0']);
      await expectInOrder(world, bad.package);
      const { heldPackages } = await world.agents.inventory(world.endpoint);
      expect(heldPackages.filter((name) => [good.package, bad.package].includes(name))).toEqual([bad.package]);
    },
  },
  {
    sentence: 'what cannot be kept is told when it must be kept, and nothing is rolled back without it',
    holds: async (world) => {
      const patch = await plantUpdate(world, { package: 'planted-unkept' });
      // As if it had been installed from an archive that is gone.
      const unkept = { ...patch, from: '0.9' };
      await succeed(world, 'unkept: fetch', { kind: 'prefetch', patches: [unkept] });
      expect(await end(world, 'unkept: keep', { kind: 'prefetch', patches: [unkept], keepOld: true })).toMatchObject({
        state: 'failed',
        because: expect.stringContaining('planted-unkept 0.9'),
      });
      await succeed(world, 'unkept: install', installOf(patch));
      expect(await end(world, 'unkept: back', rollbackOf(unkept))).toMatchObject({
        state: 'failed',
        because: expect.stringContaining('Nothing was changed'),
      });
      expect(await world.versionOf(patch.package)).toBe('2.0');
      expect((await world.agents.inventory(world.endpoint)).heldPackages).not.toContain(patch.package);
    },
  },
];

/** Declares the contract's tests; to be called inside a `describe`. */
export function describePackageBackEnd(
  world: () => PackageWorld,
  { clauses = packageBackEndContract, timeoutMilliseconds = 20_000 } = {},
): void {
  for (const { sentence, holds } of clauses) it(sentence, () => holds(world()), timeoutMilliseconds);
}

/** Version 1.0 is installed through the agent, and 2.0 is offered. */
async function plantUpdate(world: PackageWorld, planted: Omit<PlantedVersion, 'version'>): Promise<Patch> {
  const { package: name } = planted;
  const first = { package: name, architecture: 'all', from: null, to: '1.0' };
  await world.publish({ package: name, version: '1.0' }, { ...planted, version: '2.0' });
  await world.agents.availableUpdates(world.endpoint);
  await succeed(world, `${name}: plant, fetch`, { kind: 'prefetch', patches: [first] });
  await succeed(world, `${name}: plant`, installOf(first));
  return { ...first, from: '1.0', to: '2.0' };
}

function installOf(...patches: readonly Patch[]) {
  return { kind: 'install', patches, allowRemove: [], limitMinutes: 1 } as const;
}

function rollbackOf(...patches: readonly Patch[]) {
  const hold = patches.filter((patch) => patch.from !== null).map((patch) => patch.package);
  return { kind: 'roll back packages', patches, hold, limitMinutes: 2 } as const;
}

async function expectInOrder(world: PackageWorld, name: string): Promise<void> {
  const seen = await world.agents.observe(world.endpoint, { packages: [name], checks: [] });
  expect(seen).toMatchObject({ audit: '', dependencyProblems: '', installed: [{ version: '1.0' }] });
}

async function succeed(world: PackageWorld, words: string, body: OperationBody): Promise<void> {
  expect(await end(world, words, body)).toMatchObject({ state: 'succeeded' });
}

/** Submits, and waits for the end. The same words are the same operation. */
async function end(world: PackageWorld, words: string, body: OperationBody): Promise<OperationReport> {
  const operationId = createHash('sha256').update(words).digest('hex');
  const permit = { permitId: words, issuedAt: new Date().toISOString() };
  await world.agents.submit(world.endpoint, { operationId, generation: 1, permit, body });
  return vi.waitUntil(
    async () => {
      const report = await world.agents.report(world.endpoint, operationId);
      return report?.state === 'running' ? null : report;
    },
    { timeout: 120_000, interval: 50 },
  );
}

function byName(a: Patch, b: Patch): number {
  return a.package < b.package ? -1 : 1;
}
