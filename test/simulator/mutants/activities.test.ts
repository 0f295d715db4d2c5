/** For each rule that an activity or a decision behind one holds: a wrong version in its place is found out. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { judgeSeed } from '../judge-seed.ts';
import type { RuleNumber } from '../checker/rule.ts';
import { type Wrong, foundOutAt, instead } from './caught.ts';

const nothing = { result: undefined };

/** Wrong activities: what is wrong with each, in words. */
const wrongActivities: readonly (Wrong & { readonly words: string })[] = [
  {
    rule: 3,
    from: 1,
    seeds: 30,
    words: 'a snapshot is not put on record',
    altered: instead('recordSnapshot', () => nothing),
  },
  {
    rule: 4,
    from: 28,
    seeds: 60,
    words: 'an effect whose answer did not come is submitted again under another id',
    altered: (table) => ({
      ...table,
      carryOutOperation: async (input, attempt) => {
        const [order] = input as [{ step: string }];
        const again = { ...order, step: `${order.step} at attempt ${attempt.attempt}` };
        const outcome = await table['carryOutOperation']!([again], { ...attempt, attempt: 1 });
        if (!('end' in outcome)) return outcome;
        const end = async (now: number) => {
          const answer = await outcome.end(now);
          const isBusy = 'failure' in answer && answer.failure.type === 'PermitSpent';
          return isBusy ? { failure: { message: 'busy', type: 'NotYet', nextRetryDelayMs: 1000 } } : answer;
        };
        return { ...outcome, end };
      },
    }),
  },
  {
    rule: 7,
    from: 1,
    seeds: 60,
    words: 'rings that are left are not ended',
    altered: instead('leaveRings', () => ({ result: { state: 'halted', because: [] } })),
  },
  {
    rule: 11,
    from: 1,
    seeds: 60,
    words: 'a ring does not soak',
    altered: instead('soakWatch', async (input, rightly) => {
      const answer = await rightly(input);
      return 'result' in answer ? { result: { ...(answer.result as object), remainingSeconds: 0 } } : answer;
    }),
  },
  {
    rule: 12,
    from: 1,
    seeds: 60,
    words: 'an endpoint gets less than its record says',
    altered: instead('openEndpoint', async (input, rightly) => {
      const answer = await rightly(input);
      const plan = 'result' in answer ? (answer.result as { patches: readonly unknown[] }) : null;
      return plan && plan.patches.length > 1 ? { result: { ...plan, patches: plan.patches.slice(1) } } : answer;
    }),
  },
  {
    rule: 13,
    from: 236,
    seeds: 8,
    words: 'a permit is given without reading the halts',
    altered: instead('issuePermit', (input, rightly) => rightly([{ ...(input[0] as object), finishes: true }])),
  },
  {
    rule: 17,
    from: 1,
    seeds: 60,
    words: 'who is late is forgotten',
    altered: instead('mayCatchUp', (input) => ({
      result: { order: (input[0] as { order: object }).order, verdict: 'over', seconds: 1, because: ['forgotten'] },
    })),
  },
];

describe('a wrong activity is found out', () => {
  it.each(wrongActivities)('rule $rule: $words', { timeout: 60_000 }, async (wrong) => {
    expect(await foundOutAt(wrong, judgeSeed, judgeSeed)).not.toBeNull();
  });
});

type Module = Record<string, unknown>;
type WrongDecision = {
  readonly rule: RuleNumber;
  readonly from: number;
  readonly seeds: number;
  readonly words: string;
  readonly path: string;
  readonly wrong: (right: Module) => Module;
};

type Call = (...given: readonly unknown[]) => unknown;
/** A decision that is asked something else than what it was asked. */
const asked = (name: string, other: (question: Module) => Module) => (right: Module) => ({
  [name]: (question: Module, ...others: unknown[]) => (right[name] as Call)(other(question), ...others),
});

const wrongDecisions: readonly WrongDecision[] = [
  {
    rule: 6,
    from: 1,
    seeds: 60,
    words: 'work fits into every window',
    path: '../../../domain/window.ts',
    wrong: () => ({ fits: () => true }),
  },
  {
    rule: 8,
    from: 8,
    seeds: 80,
    words: 'canaries are drawn among those offline too',
    path: '../../../domain/rings.ts',
    wrong: asked('planRings', (plan) => ({
      ...plan,
      endpoints: (plan['endpoints'] as Module[]).map((each) => ({ ...each, online: true })),
    })),
  },
  {
    rule: 9,
    from: 1,
    seeds: 60,
    words: 'a site bears everything',
    path: '../../../domain/budget.ts',
    wrong: () => ({ budgetOf: () => 1000 }),
  },
  {
    rule: 10,
    from: 1,
    seeds: 60,
    words: 'failures are no reason to halt',
    path: '../../../domain/gate.ts',
    wrong: asked('judgeRing', (ring) => ({
      ...ring,
      gate: { ...(ring['gate'] as Module), failuresAtMost: 99, failurePercentAtMost: null },
    })),
  },
  {
    rule: 14,
    from: 31,
    seeds: 1,
    words: 'a patch that failed at two clients stops nowhere',
    path: '../../../domain/breaker.ts',
    wrong: () => ({ judgePatch: () => ({ stops: false, endpoints: 0, clients: 0, because: [] }) }),
  },
  {
    rule: 15,
    from: 1,
    seeds: 60,
    words: 'what a dry run would remove is not taken out',
    path: '../../../domain/plan.ts',
    wrong: () => ({ takeOutOffenders: async (patches: unknown) => ({ patches, added: [], dropped: [] }) }),
  },
  {
    rule: 16,
    from: 1,
    seeds: 60,
    words: 'windows are read in another zone',
    path: '../../../activities/calendar.ts',
    wrong: asked('windowInstants', (question) => ({ ...question, timeZone: 'UTC' })),
  },
  {
    rule: 20,
    from: 60,
    seeds: 60,
    words: 'no health data is taken for health',
    path: '../../../domain/gate.ts',
    wrong: asked('judgeRing', (ring) => ({ ...ring, healthDataPresent: true, unknown: [] })),
  },
];

describe('a wrong decision is found out', () => {
  afterEach(() => {
    vi.doUnmock('../../../domain/gate.ts');
    vi.resetModules();
  });

  it.each(wrongDecisions)('rule $rule: $words', { timeout: 60_000 }, async ({ path, wrong, ...where }) => {
    vi.resetModules();
    vi.doMock(path, async (right) => {
      const module = await right<Module>();
      return { ...module, ...wrong(module) };
    });
    const wrongly = await import('../judge-seed.ts');
    expect(await foundOutAt(where, wrongly.judgeSeed, judgeSeed)).not.toBeNull();
    vi.doUnmock(path);
  });
});
