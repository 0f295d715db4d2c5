/** What orders to a cycle have in common on the command line: each says who gives it and why. */
import type { Command } from 'commander';
import type { SignOff } from '../domain/rollout/cycle.ts';
import type { Running } from '../operator/connect.ts';
import { personAtKeyboard } from '../operator/environment.ts';
import type * as Orders from '../operator/orders.ts';
import { badInput } from './exit.ts';
import { withRunning } from './running.ts';

export type SignOffOptions = { why: string; who: string };

/** A verb that gives an order to the cycle that is its argument. */
export function signedCommand(noun: Command, verb: string, description: string): Command {
  return noun
    .command(verb)
    .description(description)
    .argument('<cycle>', 'its id, as cycle list shows it')
    .requiredOption('--why <reason>', 'why; it is recorded')
    .option('--who <name>', 'who gives the order', personAtKeyboard());
}

/**
 * The action of such a verb.
 *
 * @param give carries the order out and says in a sentence what it came to
 */
export function orderAction<Options extends SignOffOptions>(
  give: (
    orders: typeof Orders,
    running: Running,
    cycleId: string,
    signOff: SignOff,
    rest: Omit<Options, keyof SignOffOptions>,
  ) => Promise<string>,
) {
  return async (cycleId: string, options: Options, command: Command) => {
    const { who, why, ...rest } = options;
    if (!who.trim() || !why.trim()) throw badInput('Say who gives the order, and why.');
    await withRunning(command, async (running) => {
      const orders = await import('../operator/orders.ts');
      console.log(await give(orders, running, cycleId, { who, why }, rest));
    });
  };
}
