/** Rules 15 and 20: never beyond the record, and careful with what is not known. */
import { unknownOrigin } from '../world/releases.ts';
import type { Truth } from '../world/record.ts';
import { type Rules } from './rule.ts';

/** 15: nothing of an unknown class, nothing that removes or downgrades; found before, not after. */
export const nothingBeyondTheRecord: Rules = ({ must, counts }) => {
  const before = new Map<string, Truth>();
  return {
    sees(fact, board) {
      if (fact.fact === 'effect ended') {
        const was = before.get(`${fact.endpointId} ${fact.operationId}`);
        const moved = was && movedBack(was, fact.truth);
        if (was) must(15, fact.at, !moved, () => `an install on ${fact.endpointId} removed or downgraded ${moved}`);
      }
      if (fact.fact !== 'effect begun' || fact.kind !== 'install') return;
      before.set(`${fact.endpointId} ${fact.operationId}`, fact.truth);
      for (const patch of fact.patches) {
        const release = board.scenario.releases.find((each) => each.package === patch.package);
        must(
          15,
          fact.at,
          release?.origin !== unknownOrigin,
          () => `${patch.package} from ${unknownOrigin} is installed on ${fact.endpointId}, and nobody knows its class`,
        );
        const takes = [...(release?.removes ?? []), ...(release?.downgrades ?? [])];
        must(
          15,
          fact.at,
          takes.length === 0,
          () =>
            `${patch.package} is installed on ${fact.endpointId}, which would take ${takes.join(', ')}; no dry run said so`,
        );
      }
      counts(15);
    },
  };
};

function movedBack(before: Truth, after: Truth): string | undefined {
  return Object.keys(before.packages).find((name) => {
    const [was, is] = [before.packages[name] ?? '', after.packages[name]];
    return is === undefined || is < was;
  });
}

/** 20: unchanged needs a survey, an install needs a look before; an activity that breaks is no answer. */
export const unknownIsCareful: Rules = ({ must, violated }) => ({
  sees(fact, board) {
    if (fact.fact === 'broke' && !fact.because.includes('the database does not answer'))
      violated(20, fact.at, `activity ${fact.activity} broke: ${fact.because}`);
    if (fact.fact === 'effect begun' && fact.kind === 'install' && board.isProduction(fact.endpointId)) {
      const hold = board.hold(fact.endpointId);
      must(
        20,
        fact.at,
        hold?.before !== null,
        () => `${fact.endpointId} gets an install, and nobody looked at it before`,
      );
    }
    if (fact.fact !== 'row' || fact.model !== 'CycleEndpoint' || fact.after?.['outcome'] !== 'unchanged') return;
    if (fact.before?.['outcome'] === 'unchanged') return;
    const surveyed = fact.after['surveyedAt'] !== null;
    must(
      20,
      fact.at,
      surveyed,
      () => `${String(fact.after?.['endpointId'])} is called unchanged, and nobody knows what is due on it`,
    );
  },
});
