import type { ChangelogReader, CycleInput } from '../domain/rollout/cycle.ts';
import { failureInWords } from './failures.ts';
import { controlBulk, control, agentQueries } from './stubs.ts';
import { carryOut } from './under-permit.ts';

/**
 * Reads the changelogs of versions that were not read before, each from one endpoint that was offered it. The package
 * has to be fetched for that, which is an effect and goes under a permit. What cannot be read stays unknown, and counts
 * as severe.
 */
export async function readAdvisories(input: CycleInput): Promise<void> {
  const { cycleId } = input;
  const readers = await controlBulk.changelogsToRead({ cycleId });
  const byEndpoint = new Map<string, ChangelogReader[]>();
  for (const reader of readers) {
    const { endpointId } = reader.endpoint;
    byEndpoint.set(endpointId, [...(byEndpoint.get(endpointId) ?? []), reader]);
  }
  // One after another on an endpoint: it does one thing at a time, and fetching for the next lets go of the last.
  await Promise.all(
    [...byEndpoint.values()].map(async (ofEndpoint) => {
      for (const reader of ofEndpoint) await readFrom(input, reader);
    }),
  );
}

async function readFrom({ cycleId, clientId }: CycleInput, reader: ChangelogReader): Promise<void> {
  const { endpoint, generation, patches, planDigest } = reader;
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
      finishes: false,
    });
    if ('halted' in fetched) return;
    const entries = await agentQueries(endpoint.taskQueue).readChangelogs({ agent: endpoint, patches });
    await control.recordAdvisories({ cycleId, patches, entries });
  } catch (failure) {
    await control.recordUnread({ cycleId, patches, because: failureInWords(failure) });
  }
}
