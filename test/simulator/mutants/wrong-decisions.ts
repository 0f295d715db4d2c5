/** For each rule that a decision holds: a wrong one in its place. */
import type { Wrong } from './caught.ts';

/** What a file exports, by name. */
export type Module = Record<string, unknown>;

export type WrongDecision = Wrong & {
  readonly words: string;
  /** The file, from the project's folder. */
  readonly file: string;
  readonly wrong: (right: Module) => Module;
};

export type Call = (...given: readonly unknown[]) => unknown;
/** A decision that is asked something else than what it was asked. */
const asked = (name: string, other: (question: Module) => Module) => (right: Module) => ({
  [name]: (question: Module, ...others: unknown[]) => (right[name] as Call)(other(question), ...others),
});

export const wrongDecisions: readonly WrongDecision[] = [
  {
    rule: 6,
    from: 2,
    seeds: 60,
    words: 'work fits into every window',
    file: 'domain/rollout/window.ts',
    wrong: () => ({ fits: () => true }),
  },
  {
    rule: 8,
    from: 1,
    seeds: 60,
    words: 'canaries are drawn among those offline too',
    file: 'domain/rollout/rings.ts',
    wrong: asked('planRings', (plan) => ({
      ...plan,
      endpoints: (plan['endpoints'] as Module[]).map((each) => ({ ...each, online: true })),
    })),
  },
  {
    rule: 9,
    from: 4,
    seeds: 60,
    words: 'a site bears everything',
    file: 'domain/rollout/budget.ts',
    wrong: () => ({ budgetOf: () => 1000 }),
  },
  {
    rule: 10,
    from: 2,
    seeds: 60,
    words: 'failures are no reason to halt',
    file: 'domain/rollout/gate.ts',
    wrong: asked('judgeRing', (ring) => ({
      ...ring,
      gate: { ...(ring['gate'] as Module), failuresAtMost: 99, failurePercentAtMost: null },
    })),
  },
  {
    rule: 14,
    from: 20,
    seeds: 60,
    words: 'a patch that failed at two clients stops nowhere',
    file: 'domain/patches/breaker.ts',
    wrong: () => ({ judgePatch: () => ({ stops: false, endpoints: 0, clients: 0, because: [] }) }),
  },
  {
    rule: 15,
    from: 7,
    seeds: 60,
    words: 'what a dry run would remove is not taken out',
    file: 'domain/patches/plan.ts',
    wrong: () => ({ takeOutOffenders: async (patches: unknown) => ({ patches, added: [], dropped: [] }) }),
  },
  {
    rule: 16,
    from: 1,
    seeds: 60,
    words: 'windows are read in another zone',
    file: 'record/sites/calendar.ts',
    wrong: asked('windowInstants', (question) => ({ ...question, timeZone: 'UTC' })),
  },
  {
    rule: 20,
    from: 30,
    seeds: 60,
    words: 'no health data is taken for health',
    file: 'domain/rollout/gate.ts',
    wrong: asked('judgeRing', (ring) => ({ ...ring, healthDataPresent: true, unknown: [] })),
  },
  {
    rule: 'emergency first',
    from: 30,
    seeds: 60,
    words: 'an emergency waits like anybody',
    file: 'domain/rollout/admission.ts',
    wrong: asked('admit', (question) => ({ ...question, emergencies: [] })),
  },
  {
    rule: 'last way back',
    from: 2,
    seeds: 60,
    words: 'a snapshot goes as soon as the work has ended, whatever came of it',
    file: 'domain/snapshots/retention.ts',
    wrong: (right) => ({
      snapshotsToDelete: (recorded: readonly Module[], now: string) => {
        const unneeded = recorded.map((each) => ({
          ...each,
          endpointIs: null,
          cycleState: 'completed',
          attemptGivenUp: true,
        }));
        return (right['snapshotsToDelete'] as Call)(unneeded, now);
      },
    }),
  },
  {
    rule: 'new canaries',
    from: 1,
    seeds: 60,
    words: 'every cycle draws the same lots',
    file: 'domain/rollout/rings.ts',
    wrong: asked('planRings', (plan) => ({ ...plan, cycleId: 'any' })),
  },
];
