/** Orders to a cycle. Each says who gives it and why, and returns at once: what has to hold is on record first. */
import type { Command } from 'commander';
import type { PersonsWord } from '../domain/cycle.ts';
import type { NamedTarget } from '../domain/halt.ts';
import { personAtKeyboard } from '../workers/environment.ts';
import type * as Orders from '../workers/orders.ts';
import type { Running } from '../workers/running.ts';
import { badInput } from './exit.ts';
import { withRunning } from './running.ts';

type Signed = { why: string; who: string };

export function addOrders(cycle: Command): void {
  signed(cycle, 'approve', 'Approves the change record of a cycle that waits for it.').action(
    order<Signed>(async ({ tellCycle }, running, cycleId, word) => {
      await tellCycle(running, cycleId, 'approve', word);
      return `Approved ${cycleId}.`;
    }),
  );
  part(signed(cycle, 'halt', 'Starts nothing more of a cycle, or of a part of it.')).action(
    order<Signed & NamedTarget>(({ haltPart }, ...given) => haltPart(...given)),
  );
  part(signed(cycle, 'resume', 'Releases the halt of a cycle, or of the part that is named.')).action(
    order<Signed & NamedTarget>(({ resumePart }, ...given) => resumePart(...given)),
  );
  part(signed(cycle, 'skip', 'Takes a part out of a cycle: what of it has not started is not started.')).action(
    order<Signed & NamedTarget>(({ skipPart }, ...given) => skipPart(...given)),
  );
  part(signed(cycle, 'roll-back', 'Puts back what a cycle has patched, all of it or a part.')).action(
    order<Signed & NamedTarget>(async ({ rollBackPart }, running, cycleId, word, named) => {
      const { orderId, because } = await rollBackPart(running, cycleId, word, named);
      const link = running.linkTo(orderId);
      return `${because.join('; ')}. It is carried out as ${orderId}.${link ? ` In Temporal's UI: ${link}` : ''}`;
    }),
  );
  signed(cycle, 'cancel', 'Ends a cycle: what has started is brought to a known state.').action(
    order<Signed>(({ cancelCycle }, running, cycleId, word) => cancelCycle(running, cycleId, word)),
  );
  signed(cycle, 'advance', 'Lets a cycle go on after a held gate.').action(
    order<Signed>(async ({ tellCycle }, running, cycleId, word) => {
      await tellCycle(running, cycleId, 'advance', word);
      return `Advanced ${cycleId}.`;
    }),
  );
  signed(cycle, 'go-on', 'Lets the good patches of a halted cycle go on, without those at fault.').action(
    order<Signed>(async ({ tellCycle }, running, cycleId, word) => {
      await tellCycle(running, cycleId, 'goOn', word);
      return `${cycleId} goes on without the patches at fault: a successor of its change record, from the first ring.`;
    }),
  );
  signed(cycle, 'open-window', "Opens a window now, besides the policy's.")
    .option('--minutes <number>', 'for how long', '60')
    .option('--site <name>', 'for one site alone')
    .action(
      order<Signed & { minutes: string; site?: string }>(
        async ({ tellCycle }, running, cycleId, word, { site, ...options }) => {
          const minutes = Number(options.minutes);
          if (!(minutes > 0)) throw badInput(`--minutes ${options.minutes}: write a number of minutes.`);
          await tellCycle(running, cycleId, 'openWindow', { ...word, minutes, ...(site ? { site } : {}) });
          return `Opened a window of ${minutes} minutes in ${cycleId}.`;
        },
      ),
    );
}

function signed(cycle: Command, verb: string, description: string): Command {
  return cycle
    .command(verb)
    .description(description)
    .argument('<cycle>', 'its id, as cycle list shows it')
    .requiredOption('--why <reason>', 'why; it is recorded')
    .option('--who <name>', 'who gives the order', personAtKeyboard());
}

function part(command: Command): Command {
  return command
    .option('--endpoint <name>', 'this endpoint alone')
    .option('--ring <name>', 'this ring alone')
    .option('--site <name>', 'this site alone')
    .option('--patch <name>', 'what carries this patch alone: openssl, or openssl=3.0.11-1');
}

/** @param give carries the order out and says in a sentence what it came to */
function order<Options extends Signed>(
  give: (
    orders: typeof Orders,
    running: Running,
    cycleId: string,
    word: PersonsWord,
    rest: Omit<Options, keyof Signed>,
  ) => Promise<string>,
) {
  return async (cycleId: string, options: Options, command: Command) => {
    const { who, why, ...rest } = options;
    if (!who.trim() || !why.trim()) throw badInput('Say who gives the order, and why.');
    await withRunning(command, async (running) => {
      const orders = await import('../workers/orders.ts');
      console.log(await give(orders, running, cycleId, { who, why }, rest));
    });
  };
}
