import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bundleOf } from './bundle.ts';
import { atOnce, echoes, fixtures, startAt } from './fixtures/simulated.ts';
import { createSimulation } from './simulation.ts';

const name = 'test/simulator/harness/fixtures/workflows.ts';

test('a file is replaced by another source, and the bundle of the true one stays as it is', async () => {
  const source = readFileSync(fixtures, 'utf8').replace(
    'return { slept, timedOut',
    'return { mutant: true, slept, timedOut',
  );
  const bundles = await Promise.all(
    [{}, { replaced: { [name]: source } }].map((wish) => bundleOf({ workflowsPath: fixtures, ...wish })),
  );
  const results = await Promise.all(
    bundles.map(async (bundle) => {
      const simulation = createSimulation({
        bundle,
        seed: 1,
        activities: echoes,
        startAt,
        taskQueue: 'control',
        latencies: atOnce,
      });
      simulation.start('timers', 'w', []);
      await simulation.run();
      simulation.dispose();
      return simulation.resultOf('w');
    }),
  );
  expect(results[0]).not.toHaveProperty('result.mutant');
  expect(results[1]).toHaveProperty('result.mutant', true);
});

test('a file that no workflow imports cannot be replaced', async () => {
  const replaced = { 'domain/nothing.ts': '' };
  await expect(bundleOf({ workflowsPath: fixtures, replaced })).rejects.toThrow('do not import domain/nothing.ts');
});
