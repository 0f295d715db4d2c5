/** Orders to a cycle. Each says who gives it and why, and returns at once: what has to hold is on record first. */
import type { Command } from 'commander';
import type { SignOff } from '../domain/rollout/cycle.ts';
import type { NamedTarget } from '../domain/rollout/halt.ts';
import { personAtKeyboard } from '../operator/environment.ts';
import type * as Orders from '../operator/orders.ts';
import type { Running } from '../operator/connect.ts';
import { badInput } from './exit.ts';
import { withRunning } from './running.ts';

type SignOffOptions = { why: string; who: string };

export function addOrders(cycle: Command): void {
  signedCommand(cycle, 'approve', 'Approves the change record of a cycle that waits for it.').action(
    orderAction<SignOffOptions>(async ({ sendOrder: tellCycle }, running, cycleId, signOff) => {
      await tellCycle(running, cycleId, 'approve', signOff);
      return `Approved ${cycleId}.`;
    }),
  );
  partOptions(signedCommand(cycle, 'halt', 'Starts nothing more of a cycle, or of a part of it.')).action(
    orderAction<SignOffOptions & NamedTarget>(({ haltPart }, ...given) => haltPart(...given)),
  );
  partOptions(signedCommand(cycle, 'resume', 'Releases the halt of a cycle, or of the part that is named.')).action(
    orderAction<SignOffOptions & NamedTarget>(({ resumePart }, ...given) => resumePart(...given)),
  );
  partOptions(
    signedCommand(cycle, 'skip', 'Takes a part out of a cycle: what of it has not started is not started.'),
  ).action(orderAction<SignOffOptions & NamedTarget>(({ skipPart }, ...given) => skipPart(...given)));
  partOptions(signedCommand(cycle, 'roll-back', 'Puts back what a cycle has patched, all of it or a part.')).action(
    orderAction<SignOffOptions & NamedTarget>(async ({ rollBackPart }, running, cycleId, signOff, named) => {
      const { orderId, because } = await rollBackPart(running, cycleId, signOff, named);
      const link = running.linkTo(orderId);
      return `${because.join('; ')}. It is carried out as ${orderId}.${link ? ` In Temporal's UI: ${link}` : ''}`;
    }),
  );
  signedCommand(cycle, 'cancel', 'Ends a cycle: what has started is brought to a known state.').action(
    orderAction<SignOffOptions>(({ cancelCycle }, running, cycleId, signOff) => cancelCycle(running, cycleId, signOff)),
  );
  signedCommand(cycle, 'advance', 'Lets a cycle go on after a held gate.').action(
    orderAction<SignOffOptions>(async ({ sendOrder: tellCycle }, running, cycleId, signOff) => {
      await tellCycle(running, cycleId, 'advance', signOff);
      return `Advanced ${cycleId}.`;
    }),
  );
  signedCommand(cycle, 'go-on', 'Lets the good patches of a halted cycle go on, without those at fault.').action(
    orderAction<SignOffOptions>(async ({ sendOrder: tellCycle }, running, cycleId, signOff) => {
      await tellCycle(running, cycleId, 'continueCycle', signOff);
      return `${cycleId} goes on without the patches at fault: a successor of its change record, from the first ring.`;
    }),
  );
  signedCommand(cycle, 'open-window', "Opens a window now, besides the policy's.")
    .option('--minutes <number>', 'for how long', '60')
    .option('--site <name>', 'for one site alone')
    .action(
      orderAction<SignOffOptions & { minutes: string; site?: string }>(
        async ({ sendOrder: tellCycle }, running, cycleId, signOff, { site, ...options }) => {
          const minutes = Number(options.minutes);
          if (!(minutes > 0)) throw badInput(`--minutes ${options.minutes}: write a number of minutes.`);
          await tellCycle(running, cycleId, 'openWindow', { ...signOff, minutes, ...(site ? { site } : {}) });
          return `Opened a window of ${minutes} minutes in ${cycleId}.`;
        },
      ),
    );
}

function signedCommand(cycle: Command, verb: string, description: string): Command {
  return cycle
    .command(verb)
    .description(description)
    .argument('<cycle>', 'its id, as cycle list shows it')
    .requiredOption('--why <reason>', 'why; it is recorded')
    .option('--who <name>', 'who gives the order', personAtKeyboard());
}

function partOptions(command: Command): Command {
  return command
    .option('--endpoint <name>', 'this endpoint alone')
    .option('--ring <name>', 'this ring alone')
    .option('--site <name>', 'this site alone')
    .option('--patch <name>', 'what carries this patch alone: openssl, or openssl=3.0.11-1');
}

/** @param give carries the order out and says in a sentence what it came to */
function orderAction<Options extends SignOffOptions>(
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
