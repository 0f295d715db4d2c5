import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type PlannedPatch,
  type StragglerFacts,
  approvalsLost,
  historyOf,
  judgeCatchUp,
  supersededBy,
} from '../../../domain/rollout/catch-up.ts';
import { samplePolicy } from '../../setup/sample-policy.ts';

const now = '2026-12-09T21:30:00.000Z';
const open = [
  { opensAt: '2026-12-09T21:00:00.000Z', closesAt: '2026-12-10T01:00:00.000Z', words: 'Wed 22:00 to Thu 02:00' },
];
const later = [
  { opensAt: '2026-12-09T22:30:00.000Z', closesAt: '2026-12-10T04:00:00.000Z', words: 'Wed 23:30 to Thu 05:00' },
];

const straggler = (more: Partial<StragglerFacts> = {}): StragglerFacts => ({
  now,
  state: 'waiting',
  outcome: null,
  laterCycleId: null,
  deadlineAt: '2026-12-20T00:00:00.000Z',
  escalated: false,
  cycleState: 'finished',
  halted: null,
  planned: true,
  notApproved: [],
  unreachable: null,
  windows: open,
  expectedMinutes: 15,
  ...more,
});

describe('the turn of an endpoint that comes late', () => {
  it('comes in its own window', () => {
    expect(judgeCatchUp(straggler())).toMatchObject({ verdict: 'go', waitingFor: 'offline', seconds: 900 });
  });

  it.each<[string, Partial<StragglerFacts>, object]>([
    [
      'waits for its window',
      { windows: later },
      { waitingFor: 'window', seconds: 3600, because: ['its window opens Wed 23:30 to Thu 05:00'] },
    ],
    ['waits for a window that is long enough', { windows: open, expectedMinutes: 211 }, { waitingFor: 'window' }],
    [
      'waits while it is halted',
      { halted: ['halted by lee: no'] },
      { waitingFor: 'ring', because: ['halted by lee: no'] },
    ],
    [
      'waits while its patch is not approved any more',
      { notApproved: ['curl 2 is blocked'] },
      { waitingFor: 'approval', because: ['curl 2 is blocked'] },
    ],
    ['waits for an agent', { unreachable: 'it has no agent yet' }, { waitingFor: 'offline' }],
    [
      'that was silent waits for what its cycle proves',
      { planned: false, cycleState: 'running' },
      { waitingFor: 'offline' },
    ],
    ['that was planned waits for nobody else', { cycleState: 'running', windows: later }, { waitingFor: 'window' }],
    [
      'waits no longer than its deadline',
      { windows: later, deadlineAt: '2026-12-09T21:31:00.000Z' },
      { waitingFor: 'window', seconds: 60 },
    ],
  ])('%s', (_, facts, expected) => {
    expect(judgeCatchUp(straggler(facts))).toMatchObject({ verdict: 'wait', ...expected });
  });

  it.each<[string, Partial<StragglerFacts>, object]>([
    [
      'ends as superseded by a later cycle',
      { laterCycleId: 'cycle/acme/servers/2026-12-08' },
      { verdict: 'end', outcome: 'superseded' },
    ],
    [
      'ends with its cycle when that was cancelled',
      { cycleState: 'cancelled' },
      { verdict: 'end', outcome: 'skipped' },
    ],
    ['ends with its cycle when that failed', { cycleState: 'failed' }, { verdict: 'end', outcome: 'skipped' }],
    ['is over when it has ended otherwise', { outcome: 'patched', state: 'ended' }, { verdict: 'over', outcome: null }],
    ['is over when nobody knows how it is', { state: 'unknown' }, { verdict: 'over' }],
    ['passes with its deadline, and a person is told', { deadlineAt: now }, { verdict: 'escalate' }],
    ['passes with its deadline though it is halted', { deadlineAt: now, halted: ['by lee'] }, { verdict: 'escalate' }],
    [
      'passes with its deadline though it has no agent',
      { deadlineAt: now, unreachable: 'no agent' },
      { verdict: 'escalate' },
    ],
    ['does not come again once a person was told', { escalated: true, deadlineAt: now }, { verdict: 'over' }],
    [
      'is not missed by its deadline when a later cycle has it',
      { deadlineAt: now, laterCycleId: 'cycle/acme/servers/2026-12-08' },
      { outcome: 'superseded' },
    ],
  ])('%s', (_, facts, expected) => {
    expect(judgeCatchUp(straggler(facts))).toMatchObject(expected);
  });

  const anyStraggler = fc.record<StragglerFacts>({
    now: fc.constant(now),
    state: fc.constantFrom('waiting', 'waiting', 'unknown'),
    outcome: fc.constantFrom(null, null, null, 'skipped'),
    laterCycleId: fc.constantFrom(null, null, 'cycle/acme/servers/2026-12-08'),
    deadlineAt: fc.constantFrom(now, '2026-12-09T21:31:00.000Z', '2026-12-20T00:00:00.000Z'),
    escalated: fc.constantFrom(false, false, true),
    cycleState: fc.constantFrom('running', 'finished', 'halted', 'cancelled', 'failed'),
    halted: fc.constantFrom(null, null, ['by lee']),
    planned: fc.boolean(),
    notApproved: fc.constantFrom([], [], ['blocked']),
    unreachable: fc.constantFrom(null, null, 'no agent'),
    windows: fc.constantFrom(open, later, []),
    expectedMinutes: fc.constantFrom(15, 300),
  });

  it('whatever is known, it starts only inside its window, approved, not halted, not superseded, before its deadline', () => {
    fc.assert(
      fc.property(anyStraggler, (facts) => {
        if (judgeCatchUp(facts).verdict !== 'go') return;
        expect(facts).toMatchObject({
          state: 'waiting',
          outcome: null,
          laterCycleId: null,
          escalated: false,
          halted: null,
          notApproved: [],
          unreachable: null,
          windows: open,
          expectedMinutes: 15,
        });
        expect(['cancelled', 'failed']).not.toContain(facts.cycleState);
        expect(facts.deadlineAt > now).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('whatever is known, it is never forgotten: past its deadline nobody goes on waiting', () => {
    fc.assert(
      fc.property(anyStraggler, (facts) => {
        const { verdict, seconds, because } = judgeCatchUp(facts);
        expect(because.length).toBeGreaterThan(0);
        if (facts.deadlineAt <= now) expect(['escalate', 'end', 'over']).toContain(verdict);
        else if (verdict === 'wait' || verdict === 'go')
          expect(Date.parse(now) + seconds * 1000).toBeLessThanOrEqual(Date.parse(facts.deadlineAt));
      }),
      { numRuns: 2000 },
    );
  });
});

const patch = (more: Partial<PlannedPatch> = {}): PlannedPatch => ({
  package: 'curl',
  architecture: 'amd64',
  to: '7.88.1-10+deb12u12',
  decision: 'approved',
  class: 'security',
  severity: 'important',
  cves: ['CVE-2026-12345'],
  publishedAt: '2026-12-01T00:00:00.000Z',
  firstSeenAt: '2026-12-02T00:00:00.000Z',
  ...more,
});
const approving = samplePolicy({ approve: [{ class: 'security', severity: null, delayMinutes: 0 }] });
const owned = { because: 'it breaks the till', owner: 'dana', until: '2027-01-31' };

describe('whether a late plan is still approved', () => {
  const lost = (more: Partial<Parameters<typeof approvalsLost>[0]> = {}) =>
    approvalsLost({
      patches: [patch()],
      policyName: 'servers',
      policy: approving,
      endpointName: 'web-1',
      advisory: null,
      now,
      ...more,
    });

  it('it is, while the policy says what it said', () => {
    expect(lost()).toEqual([]);
  });

  it.each<[string, Parameters<typeof lost>[0], string]>([
    ['the policy is not in force any more', { policy: null }, 'policy servers is not in force any more'],
    ['the policy only reports by now', { policy: { ...approving, mode: 'report only' } }, 'only reports'],
    [
      'the package was blocked since',
      { policy: { ...approving, block: [{ package: 'curl', versions: null, ...owned }] } },
      'is blocked until 2027-01-31 by dana: it breaks the till',
    ],
    [
      'an exception was made for it since',
      { policy: { ...approving, exceptions: [{ package: 'curl', cve: null, endpoints: ['web-1'], ...owned }] } },
      'is excepted until 2027-01-31 by dana',
    ],
    ['no rule approves it any more', { policy: samplePolicy({ approve: [] }) }, 'approves nothing of class security'],
    ['it does not carry what the emergency is for', { advisory: 'CVE-2026-1' }, 'does not carry CVE-2026-1'],
    [
      'what came with it was blocked since',
      {
        patches: [patch(), patch({ package: 'libcurl4', decision: 'added', class: 'unknown' })],
        policy: { ...approving, block: [{ package: 'libcurl4', versions: null, ...owned }] },
      },
      'libcurl4',
    ],
  ])('it is not: %s', (_, more, because) => {
    expect(lost(more).join()).toContain(because);
  });

  it('what came with an approved one needs no approval of its own', () => {
    expect(lost({ patches: [patch(), patch({ package: 'libcurl4', decision: 'added', class: 'unknown' })] })).toEqual(
      [],
    );
  });

  it('an exception for another endpoint changes nothing', () => {
    const exceptions = [{ package: 'curl', cve: null, endpoints: ['web-2'], ...owned }];
    expect(lost({ policy: { ...approving, exceptions } })).toEqual([]);
  });
});

describe('whether a late plan is out of date', () => {
  const offer = (to: string, more: object = {}) => ({ package: 'curl', architecture: 'amd64', to, ...more });
  it.each([
    ['the same version is offered', [offer('7.88.1-10+deb12u12')], null],
    ['a newer version is offered', [offer('7.88.1-10+deb12u14')], 'superseded by 7.88.1-10+deb12u14'],
    [
      'a newer version for another architecture',
      [offer('7.88.1-10+deb12u12'), offer('9', { architecture: 'i386' })],
      null,
    ],
    ['an older version is offered', [offer('7.88.1-10+deb12u5')], null],
    ['nothing of it is offered any more', [offer('9', { package: 'nginx' })], 'nothing of its plan is pending'],
  ])('%s', (_, offered, because) => {
    const found = supersededBy([patch()], offered);
    if (because === null) expect(found).toBeNull();
    else expect(found).toContain(because);
  });

  it('what is left to do of a plan is done, though a part of it was done elsewhere', () => {
    expect(supersededBy([patch(), patch({ package: 'nginx' })], [offer('7.88.1-10+deb12u12')])).toBeNull();
  });

  it('what comes with a patch is not offered by itself, and says nothing', () => {
    expect(supersededBy([patch({ decision: 'added' })], [])).toBeNull();
  });
});

describe('what a person is told at the deadline', () => {
  const history = {
    startedAt: '2026-12-06T00:00:00.000Z',
    deadlineAt: '2026-12-20T00:00:00.000Z',
    lastSeenAt: '2026-12-07T08:00:00.000Z',
    waitingFor: 'offline' as const,
    reasons: ['its agent does not answer'],
    windows: [...open, ...later],
    expectedMinutes: 15,
    attempts: [{ at: '2026-12-09T22:31:00.000Z', because: ['its agent did not answer when its turn came'] }],
  };

  it('is that it is not done, when it was seen, which windows passed, what was tried, and what it waited for', () => {
    expect(historyOf(history)).toEqual([
      'NOT DONE: its deadline 2026-12-20T00:00:00.000Z passed, 14 days after its cycle began; a person has to look at it',
      'it was last seen at 2026-12-07T08:00:00.000Z',
      '2 of its windows passed, the last one Wed 23:30 to Thu 05:00',
      'tried at 2026-12-09T22:31:00.000Z: its agent did not answer when its turn came',
      'at last it waited for offline: its agent does not answer',
    ]);
  });

  it('is also that no window was ever long enough for it', () => {
    expect(historyOf({ ...history, expectedMinutes: 600 })[2]).toBe('none of its windows was long enough for 10 hours');
  });
});
