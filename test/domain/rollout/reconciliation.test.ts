import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../../domain/endpoints/evidence.ts';
import type { OperationReport } from '../../../domain/endpoints/operation.ts';
import type { Patch } from '../../../domain/patch.ts';
import {
  type OrphanFacts,
  type OrphanedEndpointVerdict,
  type WorkflowStatus,
  judgeCycleClosing,
  judgeLockHolder,
  judgeRollbackOrphaned,
  judgeOrphanedEndpoint,
  judgeStragglerOrphaned,
  lateEffectSeconds,
  lateEffectsEndInSeconds,
  openStates,
} from '../../../domain/rollout/reconciliation.ts';

const running: WorkflowStatus = { state: 'running' };
const gone: WorkflowStatus = { state: 'unheard of' };
const closedAt = '2026-12-09T21:30:00.000Z';
const terminated: WorkflowStatus = { state: 'closed', how: 'terminated', closedAt };

const statuses = fc.oneof(
  fc.constant(running),
  fc.constant(gone),
  fc
    .constantFrom('completed' as const, 'failed' as const, 'cancelled' as const, 'terminated' as const)
    .map((how): WorkflowStatus => ({ state: 'closed', how, closedAt })),
);

describe('who holds an endpoint', () => {
  it.each<[string, Parameters<typeof judgeLockHolder>[0], boolean]>([
    ['its workflow runs', { state: 'in flight', endpoint: running, ring: gone, catchUp: gone }, true],
    ['its workflow runs for another cycle', { state: 'unknown', endpoint: running, ring: gone, catchUp: gone }, true],
    ['its ring has not started it yet', { state: 'admitted', endpoint: gone, ring: running, catchUp: gone }, true],
    ['its ring hears of the end', { state: 'in flight', endpoint: terminated, ring: running, catchUp: gone }, true],
    ['its catch-up hears of the end', { state: 'in flight', endpoint: gone, ring: gone, catchUp: running }, true],
    ['all were terminated', { state: 'in flight', endpoint: terminated, ring: terminated, catchUp: gone }, false],
    [
      'it was admitted and never started',
      { state: 'admitted', endpoint: gone, ring: terminated, catchUp: gone },
      false,
    ],
    ['its ring gave it up as unknown', { state: 'unknown', endpoint: terminated, ring: running, catchUp: gone }, false],
  ])('%s', (_, question, held) => {
    const hold = judgeLockHolder(question);
    expect(hold.held).toBe(held);
    expect(hold.because.length).toBeGreaterThan(0);
  });

  it('nobody takes an endpoint whose workflow runs, nor one that a ring or catch-up still has', () => {
    const states = fc.constantFrom(...openStates);
    fc.assert(
      fc.property(states, statuses, statuses, statuses, (state, endpoint, ring, catchUp) => {
        const { held } = judgeLockHolder({ state, endpoint, ring, catchUp });
        const has = state !== 'unknown' && [ring, catchUp].some((one) => one.state === 'running');
        expect(held).toBe(endpoint.state === 'running' || has);
      }),
    );
  });

  it('nobody looks before the last effect of the ended workflow has arrived or was given up', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000, max: 100_000 }), (milliseconds) => {
        const now = new Date(Date.parse(closedAt) + milliseconds).toISOString();
        const seconds = lateEffectsEndInSeconds(terminated, now);
        expect(seconds).toBeLessThanOrEqual(lateEffectSeconds);
        expect(seconds * 1000 + Math.max(0, milliseconds)).toBeGreaterThanOrEqual(lateEffectSeconds * 1000);
      }),
    );
    expect(lateEffectsEndInSeconds(gone, closedAt)).toBe(0);
  });
});

const patches: readonly Patch[] = [{ package: 'nginx', architecture: 'amd64', from: '1.22', to: '1.24' }];
const at = (version: string) => [{ package: 'nginx', version, architecture: 'amd64' }];
const before: Evidence = {
  observedAt: '2026-12-09T21:00:00.000Z',
  bootId: 'boot-1',
  generation: 1,
  installed: at('1.22'),
  audit: '',
  dependencyProblems: '',
  alteredFiles: [],
  pendingReboot: { due: false, because: [] },
  staleServices: [],
  services: [{ service: 'nginx', state: 'running' }],
  checks: [],
};
const patched = { ...before, installed: at('1.24') };
const halfInstalled = { ...before, installed: [], audit: 'nginx is half-configured' };
const broken: Evidence = { ...patched, services: [{ service: 'nginx', state: 'failed' }] };
const install: OperationReport = {
  operationId: 'a'.repeat(64),
  kind: 'install',
  generation: 1,
  state: 'succeeded',
  startedAt: '2026-12-09T21:01:00.000Z',
  endedAt: '2026-12-09T21:02:00.000Z',
  because: 'Installed.',
  packagesAtFault: [],
  logTail: '',
};

function orphan(more: Partial<OrphanFacts>): OrphanFacts {
  return {
    patches,
    reboot: 'if required',
    before,
    after: before,
    install,
    rebootWasDue: false,
    bootIdBeforeReboot: null,
    ...more,
  };
}

describe('to which end an endpoint is brought that nobody holds', () => {
  it.each<[string, Partial<OrphanFacts>, OrphanedEndpointVerdict['end']]>([
    ['the planned versions are there and all works', { after: patched }, 'patched'],
    ['its install failed, and it is as it was', { install: { ...install, state: 'failed' } }, 'skipped'],
    ['an install succeeded, and it is as it was', {}, 'rolled_back'],
    ['it is as it was and heard of nothing', { install: null }, 'skipped'],
    ['it is half installed', { after: halfInstalled }, 'roll back'],
    ['a service that ran is down', { after: broken }, 'roll back'],
    ['its agent does not answer', { after: null }, 'look again'],
    ['it is silent, and nobody recorded what was before', { after: null, before: null }, 'look again'],
    ['nobody recorded what was before, and nothing was begun', { before: null, install: null }, 'skipped'],
    ['nobody recorded what was before, and an install was begun', { before: null, after: patched }, 'quarantined'],
    ['it is broken, and not by an install of ours', { after: broken, install: null }, 'quarantined'],
    ['the planned versions are there, whoever installed them', { after: patched, install: null }, 'patched'],
    ['a reboot was due and has not happened', { after: patched, rebootWasDue: true }, 'roll back'],
  ])('%s', (_, more, end) => {
    const verdict = judgeOrphanedEndpoint(orphan(more));
    expect(verdict.end).toBe(end);
    expect(verdict.because.length).toBeGreaterThan(0);
  });

  it('only what was observed makes it patched, and only an install of ours is taken back', () => {
    const seen = fc.option(fc.constantFrom(before, patched, halfInstalled, broken), { nil: null });
    const known = fc.option(
      fc
        .constantFrom('succeeded' as const, 'failed' as const, 'interrupted' as const)
        .map((state) => ({ ...install, state })),
      { nil: null },
    );
    fc.assert(
      fc.property(seen, fc.boolean(), known, fc.boolean(), (after, hasBefore, known, rebootWasDue) => {
        const facts = orphan({ after, before: hasBefore ? before : null, install: known, rebootWasDue });
        const { end } = judgeOrphanedEndpoint(facts);
        if (after === null) expect(end).toBe('look again');
        if (end === 'patched') expect([after, hasBefore, rebootWasDue]).toEqual([patched, true, false]);
        if (end === 'roll back') expect([known === null, hasBefore]).toEqual([false, true]);
        // What an install says of itself makes nothing patched.
        if (known && end !== 'rolled_back')
          expect(judgeOrphanedEndpoint({ ...facts, install: { ...known, state: 'failed' } }).end).toBe(end);
      }),
    );
  });
});

describe('endpoints that were handed to a catch-up', () => {
  it.each<[string, WorkflowStatus, WorkflowStatus, boolean]>([
    ['it runs', terminated, running, false],
    ['its ring is about to start it', running, gone, false],
    ['it was terminated', terminated, terminated, true],
    ['its ring was terminated before it started it', terminated, gone, true],
    ['it has ended by itself', gone, { state: 'closed', how: 'completed', closedAt }, false],
  ])('%s', (_, ring, catchUp, left) => {
    expect(judgeStragglerOrphaned({ ring, catchUp })).toBe(left);
  });
});

describe('rollback orders whose workflow is gone', () => {
  const after = (minutes: number) => new Date(Date.parse(closedAt) + minutes * 60_000).toISOString();

  it.each<[string, WorkflowStatus, number, boolean]>([
    ['it runs', running, 60, false],
    ['it was terminated', terminated, 0, true],
    ['it has just closed by itself', { state: 'closed', how: 'completed', closedAt }, 60, false],
    ['it is about to start', gone, 9, false],
    ['it never started', gone, 10, true],
  ])('%s', (_, workflow, minutes, left) => {
    expect(judgeRollbackOrphaned({ workflow, orderedAt: closedAt }, after(minutes)).orphaned).toBe(left);
  });
});

describe('cycles whose workflow is gone', () => {
  it.each<[string, WorkflowStatus, number, 'failed' | 'cancelled' | null]>([
    ['its workflow runs', running, 0, null],
    ['it was terminated', terminated, 0, 'failed'],
    ['it was terminated while endpoints are under way', terminated, 2, null],
    ['it was cancelled', { state: 'closed', how: 'cancelled', closedAt }, 0, 'cancelled'],
    ['it ran out of time', { state: 'closed', how: 'timed out', closedAt }, 0, 'failed'],
    ['Temporal has none of that name', gone, 0, 'failed'],
    ['it has just closed by itself', { state: 'closed', how: 'completed', closedAt }, 0, null],
  ])('%s', (_, workflow, underWay, as) => {
    const closing = judgeCycleClosing({ workflow, underWay });
    expect(closing.as).toBe(as);
    expect(closing.because.length).toBeGreaterThan(0);
  });

  it('says that it was terminated', () => {
    expect(judgeCycleClosing({ workflow: terminated, underWay: 0 }).because).toEqual(['its workflow was terminated']);
  });

  it('none is closed that runs, or whose endpoints are still brought to an end', () => {
    fc.assert(
      fc.property(statuses, fc.nat(5), (workflow, underWay) => {
        const { as } = judgeCycleClosing({ workflow, underWay });
        if (workflow.state === 'running' || underWay > 0) expect(as).toBeNull();
      }),
    );
  });
});
