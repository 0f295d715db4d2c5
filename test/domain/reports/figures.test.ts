import { array, assert as hold, boolean, constantFrom, property, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RecordedFacts } from '../../../domain/reports/cycle-facts.ts';
import { countFigures, isOverdue, patchLines } from '../../../domain/reports/figures.ts';
import { facts, recorded } from '../../setup/report-facts.ts';
import type { EndpointOutcome, WaitingFor } from '../../../domain/endpoints/saga.ts';
import type { PatchDecision } from '../../../domain/patches/decision.ts';

const outcome = constantFrom<(EndpointOutcome | null)[]>(
  'patched',
  'unchanged',
  'rolled_back',
  'quarantined',
  'skipped',
  'superseded',
  null,
);
const waitingFor = constantFrom<(WaitingFor | null)[]>('offline', 'window', 'reboot', 'approval', 'ring', null);
const decision = constantFrom<PatchDecision[]>('approved', 'declined', 'excepted', 'waiting', 'dropped');
const patch = record({ package: constantFrom('libssl3', 'curl', 'newcomer'), proven: boolean(), decision });
const endpoints = array(record({ outcome, waitingFor, patches: array(patch, { maxLength: 5 }) }), { maxLength: 12 });

const to = (name: string) => recorded.patchSet.find((entry) => entry.package === name)?.to ?? '1';

function factsOf(
  drawn: readonly {
    outcome: EndpointOutcome | null;
    waitingFor: WaitingFor | null;
    patches: readonly { package: string; proven: boolean; decision: PatchDecision }[];
  }[],
): RecordedFacts {
  return {
    ...recorded,
    endpoints: drawn.map((one, index) => ({
      ...recorded.endpoints[0]!,
      ...one,
      endpoint: `endpoint-${index}`,
      patches: one.patches.map((each) => ({ ...each, from: '0', to: to(each.package), because: '' })),
    })),
  };
}

const sum = (numbers: object) => Object.values(numbers).reduce((total: number, each) => total + Number(each), 0);

describe('figures, whatever was recorded', () => {
  test('every endpoint and every patch is counted exactly once', () => {
    hold(
      property(endpoints, (drawn) => {
        const figures = countFigures(factsOf(drawn));
        expect(figures.endpoints.total).toBe(drawn.length);
        expect(sum(figures.endpoints)).toBe(2 * drawn.length);
        expect(figures.patches.total).toBe(drawn.flatMap((one) => one.patches).length);
        expect(sum(figures.patches)).toBe(2 * figures.patches.total);
      }),
    );
  });

  test('done is only what is proven on an endpoint that ended as patched', () => {
    hold(
      property(endpoints, (drawn) => {
        const proven = drawn
          .filter((one) => one.outcome === 'patched')
          .flatMap((one) => one.patches.filter((each) => each.proven));
        expect(countFigures(factsOf(drawn)).patches.patched).toBe(proven.length);
      }),
    );
  });

  test('an endpoint that has not ended has nothing done, and is never among the ended', () => {
    hold(
      property(endpoints, (drawn) => {
        const open = drawn.filter((one) => one.outcome === null);
        const figures = countFigures(factsOf(open));
        expect(figures.patches.patched).toBe(0);
        expect(figures.endpoints.waiting + figures.endpoints.inProgress).toBe(open.length);
      }),
    );
  });

  test('declining a patch takes it out of nothing but "waiting"', () => {
    hold(
      property(endpoints, (drawn) => {
        const declined = drawn.map((one) => ({
          ...one,
          patches: one.patches.map((each) => ({ ...each, proven: false, decision: 'declined' as const })),
        }));
        const figures = countFigures(factsOf(declined));
        expect(figures.patches.declined).toBe(figures.patches.total);
        expect(figures.patches.total).toBe(countFigures(factsOf(drawn)).patches.total);
      }),
    );
  });

  test('a CVE is closed only where every patch that names it is done', () => {
    hold(
      property(endpoints, (drawn) => {
        const made = factsOf(drawn);
        const figures = countFigures(made);
        const found = new Set(made.patchSet.flatMap((entry) => entry.cves)).size;
        expect(figures.cvesClosed + figures.cvesOpen).toBe(found);
        const openHere = patchLines(made).some((line) => line.result !== 'patched' && line.patch.package === 'libssl3');
        if (openHere) expect(figures.exploitedCvesOpen).toBe(1);
      }),
    );
  });
});

test('the figures of the example', () => {
  expect(facts.figures).toMatchObject({
    endpoints: { total: 6, patched: 2, unchanged: 1, rolled_back: 1, waiting: 2, inProgress: 0 },
    patches: {
      total: 19,
      patched: 5,
      rolledBack: 3,
      waiting: 5,
      declined: 1,
      excepted: 1,
      notYetApproved: 3,
      dropped: 1,
    },
    decisions: { approved: 3, declined: 1, excepted: 1, waiting: 1, dropped: 1 },
    patchesOverdue: 4,
    cvesClosed: 0,
    cvesOpen: 20,
    exploitedCvesOpen: 1,
  });
});

test('a patch is overdue after its due date until it is done', () => {
  const [line] = patchLines(recorded).filter(
    ({ result, patch }) => result === 'rolledBack' && patch.package === 'libssl3',
  );
  expect(isOverdue(line!, '2026-11-04T09:54:23.000Z')).toBe(false);
  expect(isOverdue(line!, '2026-11-04T09:54:25.000Z')).toBe(true);
  expect(isOverdue({ ...line!, result: 'patched' }, '2027-01-01T00:00:00.000Z')).toBe(false);
});
