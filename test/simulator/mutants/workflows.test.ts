/** For each rule that a workflow holds itself, or a decision it asks: a bundle with a wrong one in it is found out. */
import { readFile } from 'node:fs/promises';
import { expect, it, vi } from 'vitest';
import { bundleOf } from '../harness/bundle.ts';
import type { WorkflowBundle } from '../harness/interface.ts';
import { judgeSeed } from '../judge-seed.ts';
import type { Rule } from '../checker/rule.ts';
import { type Judge, type Wrong, foundOutAt } from './caught.ts';

const budget = vi.hoisted(() => ({ looksAtOthers: true }));
vi.mock('../../../domain/rollout/budget.ts', async (real) => {
  const right = await real<typeof import('../../../domain/rollout/budget.ts')>();
  const disturbanceOf: typeof right.disturbanceOf = (work) => (budget.looksAtOthers ? right.disturbanceOf(work) : null);
  return { ...right, disturbanceOf };
});

type WrongLine = Wrong & {
  readonly words: string;
  readonly file: string;
  readonly right: string;
  readonly wrong: string;
};

const wrongLines: readonly WrongLine[] = [
  {
    rule: 2,
    from: 5,
    seeds: 60,
    words: 'an unusable snapshot is good enough',
    file: 'workflows/endpoint-patch.ts',
    right: 'if (!snapshot.usable) return',
    wrong: 'if (snapshot.snapshotId === undefined) return',
  },
  {
    rule: 5,
    from: 2,
    seeds: 60,
    words: 'whatever was found, it is proven',
    file: 'domain/endpoints/outcome.ts',
    right: 'if (findings.length > 0)\n    return {\n      proven: false,',
    wrong: 'if (findings.length > 99)\n    return {\n      proven: false,',
  },
];

it.each(wrongLines)('rule $rule: $words', { timeout: 300_000 }, async ({ file, right, wrong, ...where }) => {
  const bundle = await bundleWith(where.rule, file, right, wrong);
  expect(await foundOutAt({ ...where, bundle }, judgeSeed, judgeSeed)).not.toBeNull();
});

it('rule 1: each cycle has a lock of its own, and looks at no other', { timeout: 300_000 }, async () => {
  const right = 'workflowId: endpointWorkflowId(endpoint)';
  const wrong = 'workflowId: endpointWorkflowId({ ...endpoint, clientId: endpoint.cycleId })';
  const bundle = await bundleWith(1, 'workflows/under-lock.ts', right, wrong);
  const wrongly: Judge = (...given) => {
    budget.looksAtOthers = false;
    return judgeSeed(...given).finally(() => (budget.looksAtOthers = true));
  };
  expect(await foundOutAt({ rule: 1, from: 1, seeds: 15, bundle }, wrongly, judgeSeed)).not.toBeNull();
});

/** The product's workflows with one line wrong. */
async function bundleWith(rule: Rule, file: string, right: string, wrong: string): Promise<WorkflowBundle> {
  const source = await readFile(new URL(`../../../${file}`, import.meta.url), 'utf8');
  expect(source, `${file} has changed: find the line again that holds rule ${rule}`).toContain(right);
  return bundleOf({ replaced: { [file]: source.replace(right, wrong) } });
}
