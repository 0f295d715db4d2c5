import { expect, it } from 'vitest';
import { everyRule } from './checker/checker.ts';
import { bundleOf } from './harness/bundle.ts';
import { addUp, judgeSeed } from './judge-seed.ts';
import { drawScenario } from './world/scenario.ts';

const few = { endpointsAtMost: 10 };

it('draws the same scenario from the same seed', () => {
  expect(drawScenario(7, few)).toEqual(drawScenario(7, few));
  expect(drawScenario(7, few)).not.toEqual(drawScenario(8, few));
});

it('comes to the same end from the same seed', { timeout: 300_000 }, async () => {
  const product = { bundle: await bundleOf() };
  expect(await judgeSeed(5, few, product)).toEqual(await judgeSeed(5, few, product));
});

// Half a minute of computing, on a machine that may have others to compute for.
it('finds no rule broken in a sample of seeds, and judges every rule', { timeout: 300_000 }, async () => {
  const product = { bundle: await bundleOf() };
  const results = [];
  for (let seed = 1; seed <= 60; seed += 1) results.push(await judgeSeed(seed, few, product));
  const broken = results.filter(({ violations, complaints }) => violations.length + complaints.length > 0);
  expect(broken.map(({ seed, violations, complaints }) => ({ seed, violations, complaints }))).toEqual([]);
  const exercised = addUp(results.map((result) => result.exercised));
  expect(everyRule.filter((rule) => !exercised[rule])).toEqual([]);
});
