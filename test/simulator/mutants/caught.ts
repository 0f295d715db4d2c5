/**
 * Whether a wrong version of the product is found out: a seed at which it breaks the rule, and the right version does
 * not.
 */
import { bundleOf } from '../harness/bundle.ts';
import type { ActivityFunction, ActivityTable, Answer, WorkflowBundle } from '../harness/interface.ts';
import type { judgeSeed } from '../judge-seed.ts';
import type { Rule } from '../checker/rule.ts';

export type Judge = typeof judgeSeed;

export type Wrong = {
  readonly rule: Rule;
  /** The first seed that is tried: one that finds it out soon, as far as is known. And how many. */
  readonly from: number;
  readonly seeds: number;
  readonly bundle?: WorkflowBundle;
  readonly altered?: (table: ActivityTable) => ActivityTable;
};

/** A rule that is broken is mostly broken on few endpoints too. */
const size = { endpointsAtMost: 10 };

/**
 * The first seed that finds the wrong version out; null when none of them does.
 * @param wrongly judges with the wrong version in place; @param rightly with the product as it is
 */
export async function foundOutAt(wrong: Wrong, wrongly: Judge, rightly: Judge): Promise<number | null> {
  const right = await bundleOf();
  const product = { bundle: wrong.bundle ?? right, ...(wrong.altered ? { altered: wrong.altered } : {}) };
  for (let seed = wrong.from; seed < wrong.from + wrong.seeds; seed += 1) {
    const isBroken = ({ violations }: Awaited<ReturnType<Judge>>) => violations.some(({ rule }) => rule === wrong.rule);
    if (!isBroken(await wrongly(seed, size, product))) continue;
    if (!isBroken(await rightly(seed, size, { bundle: right }))) return seed;
  }
  return null;
}

/** The table with one activity written again: it is given the input, and what the right one answers. */
export function instead(
  name: string,
  act: (input: readonly unknown[], rightly: (input: readonly unknown[]) => Promise<Answer>) => Answer | Promise<Answer>,
): (table: ActivityTable) => ActivityTable {
  return (table) => {
    const right = table[name];
    if (!right) throw new Error(`there is no activity ${name}`);
    const wrong: ActivityFunction = (input, attempt) => ({
      afterMs: 5,
      end: (now) =>
        act(input, async (given) => {
          const outcome = await right(given, attempt);
          if ('end' in outcome) return outcome.end(now);
          return 'never' in outcome ? { failure: { message: 'it hangs' } } : outcome;
        }),
    });
    return { ...table, [name]: wrong };
  };
}
