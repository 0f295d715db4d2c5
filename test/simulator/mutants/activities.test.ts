/** For each rule that an activity or a decision behind one holds: a wrong version in its place is found out. */
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type Judge, type Wrong, foundOutAt, instead } from './caught.ts';
import { type Call, type Module, type WrongDecision, wrongDecisions } from './wrong-decisions.ts';

const nothing = { result: undefined };

/** Wrong activities: what is wrong with each, in words. */
const wrongActivities: readonly (Wrong & { readonly words: string })[] = [
  {
    rule: 3,
    from: 1,
    seeds: 60,
    words: 'a snapshot is not put on record',
    altered: instead('recordSnapshot', () => nothing),
  },
  {
    rule: 4,
    from: 5,
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
    altered: instead('abandonRings', () => ({ result: { state: 'halted', because: [] } })),
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
    from: 11,
    seeds: 60,
    words: 'a permit is given without reading the halts',
    altered: instead('issuePermit', (input, rightly) => rightly([{ ...(input[0] as object), finishes: true }])),
  },
  {
    rule: 13,
    from: 60,
    seeds: 60,
    words: 'a permit is given without asking for which patches',
    altered: instead('issuePermit', (input, rightly) => rightly([{ ...(input[0] as object), patches: [] }])),
  },
  {
    rule: 17,
    from: 5,
    seeds: 60,
    words: 'who is late is forgotten',
    altered: instead('mayCatchUp', (input) => ({
      result: { input: (input[0] as { input: object }).input, verdict: 'over', seconds: 1, because: ['forgotten'] },
    })),
  },
];

let judgeSeed: Judge;
/** The wrong decision that is asked at the moment; null for the product as it is. */
let asked: WrongDecision | null = null;

// Once: to load the product takes longer than to judge a seed.
beforeAll(async () => {
  const root = new URL('../../../', import.meta.url);
  for (const file of new Set(wrongDecisions.map((decision) => decision.file)))
    vi.doMock(fileURLToPath(new URL(file, root)), async (right) => exchangeable(file, await right<Module>()));
  ({ judgeSeed } = await import('../judge-seed.ts'));
}, 60_000);

/** What a file exports, by which the wrong decision is asked while there is one. */
function exchangeable(file: string, right: Module): Module {
  const exchanged = (name: string, decide: Call): Call => {
    return (...given) => ((asked?.file === file && (asked.wrong(right)[name] as Call | undefined)) || decide)(...given);
  };
  const entries = Object.entries(right).map(([name, value]) => [
    name,
    typeof value === 'function' ? exchanged(name, value as Call) : value,
  ]);
  return Object.fromEntries(entries) as Module;
}

describe('a wrong activity is found out', () => {
  it.each(wrongActivities)('rule $rule: $words', { timeout: 300_000 }, async (wrong) => {
    expect(await foundOutAt(wrong, judgeSeed, judgeSeed)).not.toBeNull();
  });
});

describe('a wrong decision is found out', () => {
  it.each(wrongDecisions)('rule $rule: $words', { timeout: 300_000 }, async (wrong) => {
    const asking = (decision: WrongDecision | null): Judge => {
      return (...given) => {
        asked = decision;
        return judgeSeed(...given);
      };
    };
    expect(await foundOutAt(wrong, asking(wrong), asking(null))).not.toBeNull();
  });
});
