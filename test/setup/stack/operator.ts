/** How people in stories give orders, on the command line and in Temporal's web UI, and how they see what came of them. */
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { clientId } from './client-files.ts';
import { succeed } from './command.ts';
import type { AnyRunningStack } from './running-stack.ts';
import { until } from '../until.ts';
import { idIn } from '../../../domain/ids.ts';

export type Operator = {
  /** Gives an order on the command line, as dana; what it says. */
  order(verb: string, cycleId: string, why: string, ...part: readonly string[]): Promise<string>;
  /** Gives an order as Temporal's web UI does: an update by its name, with whatever was typed; its answer. */
  typed(cycleId: string, update: string, words?: unknown): Promise<unknown>;
  /** The same, of an order that is refused: the first words of the refusal, which that UI shows. */
  refusal(cycleId: string, update: string, words?: unknown): Promise<string>;
  /** People's orders about a cycle in the audit trail: what, by whom, and why. */
  audited(cycleId: string): Promise<readonly string[]>;
  /** Waits until what is recorded of an endpoint contains these words. */
  untilRecorded(cycleId: string, name: string, words: string): Promise<true>;
};

export function operatorOf(stack: AnyRunningStack): Operator {
  const typed = (cycleId: string, update: string, words?: unknown) =>
    stack.temporal.workflow.getHandle(cycleId).executeUpdate<unknown, [unknown]>(update, { args: [words] });
  return {
    typed,
    async order(verb, cycleId, why, ...part) {
      const argv = ['cycle', verb, cycleId, '--why', why, '--who', 'dana', ...part];
      return succeed(await stack.command(...argv), argv.join(' ')).out;
    },
    async refusal(cycleId, update, words) {
      const refused = await typed(cycleId, update, words).catch((error: unknown) => error);
      if (refused instanceof WorkflowUpdateFailedError) return refused.cause?.message ?? '';
      throw new Error(`${update} was not refused`, { cause: refused });
    },
    async audited(cycleId) {
      const ofPeople = { actor: { not: 'patchcycle' }, action: { not: 'open cycle' }, key: { contains: cycleId } };
      const orders = await stack.database.auditEvent.findMany({ where: ofPeople, orderBy: { sequence: 'asc' } });
      return orders.map(({ actor, action, subject, because }) => {
        const about = subject.replace(cycleId, '').trim();
        return `${action} ${about === '' ? 'the cycle' : about} by ${actor}: ${because.join('; ')}`;
      });
    },
    untilRecorded: (cycleId, name, words) =>
      until(`${name} stands in ${cycleId} with ${words}`, async () => {
        const endpointId = idIn(clientId, name);
        const key = { cycleId_endpointId: { cycleId, endpointId } };
        const row = await stack.database.cycleEndpoint.findUnique({ where: key });
        return row && [row.outcome, row.waitingFor, ...row.reasons].join().includes(words);
      }),
  };
}
