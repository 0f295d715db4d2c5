import type { CycleOrder } from '../domain/cycle.ts';
import { failureInWords } from './failures.ts';
import { control, questions } from './stubs.ts';
import { carryOut } from './under-permit.ts';

/**
 * Reads the changelogs of versions that nobody has read before, each from one endpoint that was offered it. The package
 * has to be fetched for that, which is an effect and goes under a permit. What cannot be read stays unknown, and counts
 * as severe.
 */
export async function readAdvisories(order: CycleOrder): Promise<void> {
  const { cycleId, clientId } = order;
  const readers = await control.changelogsToRead({ cycleId });
  await Promise.all(
    readers.map(async ({ endpoint, generation, patches, planDigest }) => {
      const agent = endpoint;
      try {
        const fetched = await carryOut({
          clientId,
          cycleId,
          endpoint,
          step: 'fetch for changelogs',
          planDigest,
          generation,
          body: { kind: 'prefetch', patches },
          withinMinutes: 30,
        });
        if ('halted' in fetched) return;
        const entries = await questions(endpoint.taskQueue).readChangelogs({ agent, patches });
        await control.recordAdvisories({ cycleId, patches, entries });
      } catch (failure) {
        await control.recordUnread({ cycleId, patches, because: failureInWords(failure) });
      }
    }),
  );
}
