/** Orders to a cycle. Each says who gives it and why, and returns at once: what has to hold is on record first. */
import type { Command } from 'commander';
import type { NamedTarget } from '../domain/rollout/halt.ts';
import { type SignOffOptions, orderAction, signedCommand } from './signed-order.ts';

export function addOrders(cycle: Command): void {
  signedCommand(cycle, 'approve', 'Approves the change record of a cycle that waits for it.').action(
    orderAction<SignOffOptions>(async ({ sendOrder }, running, cycleId, signOff) => {
      await sendOrder(running, cycleId, 'approve', signOff);
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
  partOptions(signedCommand(cycle, 'rollback', 'Rolls back what a cycle has patched, all of it or a part.')).action(
    orderAction<SignOffOptions & NamedTarget>(async ({ rollBackPart }, running, cycleId, signOff, named) => {
      const { orderId, because } = await rollBackPart(running, cycleId, signOff, named);
      const link = running.linkTo(orderId);
      return `${because.join('; ')}. It is carried out as ${orderId}.${link ? ` In Temporal's UI: ${link}` : ''}`;
    }),
  );
  signedCommand(cycle, 'cancel', 'Ends a cycle: what has started is brought to a known state.').action(
    orderAction<SignOffOptions>(({ cancelCycle }, running, cycleId, signOff) => cancelCycle(running, cycleId, signOff)),
  );
  signedCommand(cycle, 'advance', 'Lets a cycle continue after a held gate.').action(
    orderAction<SignOffOptions>(async ({ sendOrder }, running, cycleId, signOff) => {
      await sendOrder(running, cycleId, 'advance', signOff);
      return `Advanced ${cycleId}.`;
    }),
  );
  signedCommand(cycle, 'continue', 'Lets the good patches of a halted cycle continue, without those at fault.').action(
    orderAction<SignOffOptions>(async ({ sendOrder }, running, cycleId, signOff) => {
      await sendOrder(running, cycleId, 'continueCycle', signOff);
      return `${cycleId} continues without the patches at fault: a successor of its change record, from the first ring.`;
    }),
  );
}

function partOptions(command: Command): Command {
  return command
    .option('--endpoint <name>', 'this endpoint alone')
    .option('--ring <name>', 'this ring alone')
    .option('--site <name>', 'this site alone')
    .option('--patch <name>', 'what carries this patch alone: openssl, or openssl=3.0.11-1');
}
