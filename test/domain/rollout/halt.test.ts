import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Halt,
  type Scope,
  type Target,
  type PlannedEffect,
  haltFor,
  haltOn,
  ringHaltFor,
  partNamed,
} from '../../../domain/rollout/halt.ts';

const cycleId = 'cycle/acme/servers/2026-11-22';
const otherCycle = 'cycle/acme/laptops/2026-11-22';
const undertaking: PlannedEffect = {
  cycleId,
  ring: 'early',
  siteId: 'berlin.acme',
  endpointId: 'web-1.acme',
  patches: ['openssl=3.0.11-1', 'grep=3.8-5'],
};

function halt(scope: Scope, subject: string, more: Partial<Halt> = {}): Halt {
  return {
    cycleId,
    scope,
    subject,
    orderedBy: 'dana',
    reason: 'the phones are down',
    orderedAt: '2026-11-22T08:00:00.000Z',
    releasedAt: null,
    ...more,
  };
}

const releasedAt = '2026-11-22T09:00:00.000Z';

describe('what a halt covers', () => {
  it.each<[string, Halt, boolean]>([
    ['of the cycle: everything in it', halt('cycle', cycleId), true],
    ['of another cycle: nothing of this one', halt('cycle', otherCycle, { cycleId: otherCycle }), false],
    ['of the whole client: every cycle', halt('cycle', 'acme', { cycleId: null }), true],
    ['of the ring', halt('ring', 'early'), true],
    ['of another ring', halt('ring', 'canary'), false],
    ['of a ring of that name in another cycle', halt('ring', 'early', { cycleId: otherCycle }), false],
    ['of the site', halt('site', 'berlin.acme'), true],
    ['of another site', halt('site', 'tokyo.acme'), false],
    ['of the endpoint', halt('endpoint', 'web-1.acme'), true],
    ['of another endpoint', halt('endpoint', 'web-10.acme'), false],
    ['of a patch by its name', halt('patch', 'openssl'), true],
    ['of a patch at its version', halt('patch', 'openssl=3.0.11-1'), true],
    ['of a patch at another version', halt('patch', 'openssl=3.0.11-10'), false],
    ['of a patch whose name only begins alike', halt('patch', 'open'), false],
    ['that was released: nothing', halt('cycle', cycleId, { releasedAt }), false],
  ])('%s', (_, one, covered) => {
    expect(haltFor([one], undertaking) !== null).toBe(covered);
  });

  it('says who halted what and why, the oldest first', () => {
    const halts = [
      halt('ring', 'early', { orderedBy: 'lee', reason: 'it smells', orderedAt: '2026-11-22T08:30:00.000Z' }),
      halt('cycle', cycleId),
      halt('endpoint', 'web-1.acme', { releasedAt }),
    ];
    expect(haltFor(halts, undertaking)?.because).toEqual([
      'halted by dana: the phones are down',
      'ring early halted by lee: it smells',
    ]);
  });
});

describe('what holds a ring', () => {
  const waiting = { cycleId, ring: 'early', patches: ['openssl=3.0.11-1'] };

  it.each<[string, Halt, boolean]>([
    ['a halt of its cycle', halt('cycle', cycleId), true],
    ['a halt of the ring itself', halt('ring', 'early'), true],
    ['a halt of a patch that somebody in it waits for', halt('patch', 'openssl'), true],
    ['not a halt of a patch that nobody in it waits for', halt('patch', 'grep'), false],
    ['not a halt of a site: the others go on', halt('site', 'berlin.acme'), false],
    ['not a halt of an endpoint: the others go on', halt('endpoint', 'web-1.acme'), false],
  ])('%s', (_, one, holds) => {
    expect(ringHaltFor([one], waiting, 14) !== null).toBe(holds);
  });

  it('lasts as long as the policy lets anything wait for a person, counted from the oldest halt', () => {
    const halts = [halt('ring', 'early', { orderedAt: '2026-11-23T08:00:00.000Z' }), halt('cycle', cycleId)];
    expect(ringHaltFor(halts, waiting, 14)?.untilAt).toBe('2026-12-06T08:00:00.000Z');
  });
});

describe('what an order names', () => {
  it.each([
    ['nothing: the whole cycle', {}, null],
    ['a ring', { ring: 'early' }, { scope: 'ring', name: 'early' }],
    ['an endpoint, with blanks around it', { endpoint: ' web-1 ' }, { scope: 'endpoint', name: 'web-1' }],
    ['an empty site', { site: '' }, { refused: 'say which site' }],
    ['what is no name at all', { ring: null as unknown as string }, { refused: 'say which ring' }],
    [
      'two parts',
      { ring: 'early', patch: 'grep' },
      { refused: 'an order is about one part of a cycle, not ring and patch' },
    ],
  ])('%s', (_, named, part) => {
    expect(partNamed(named)).toEqual(part);
  });
});

const subjects = ['a', 'b', 'c'];
const anyTarget: fc.Arbitrary<Target> = fc.record({
  scope: fc.constantFrom<Scope>('cycle', 'ring', 'site', 'endpoint', 'patch'),
  subject: fc.constantFrom(...subjects),
});
const anyHalt: fc.Arbitrary<Halt> = fc
  .record({
    target: anyTarget,
    inCycle: fc.constantFrom(cycleId, otherCycle, null),
    orderedBy: fc.constantFrom('dana', 'lee'),
    minute: fc.integer({ min: 0, max: 59 }),
    released: fc.boolean(),
  })
  .map(({ target, inCycle, orderedBy, minute, released }) =>
    halt(target.scope, target.subject, {
      cycleId: inCycle,
      orderedBy,
      orderedAt: new Date(Date.UTC(2026, 10, 22, 8, minute)).toISOString(),
      releasedAt: released ? releasedAt : null,
    }),
  );
const anyUndertaking: fc.Arbitrary<PlannedEffect> = fc.record({
  cycleId: fc.constantFrom(cycleId, otherCycle),
  ring: fc.constantFrom('a', 'b', null),
  siteId: fc.constantFrom('a', 'b', null),
  endpointId: fc.constantFrom('a', 'b', null),
  patches: fc.uniqueArray(fc.constantFrom('a=1', 'b=1', 'c=2')),
});

describe('whatever other halts there are', () => {
  const others = fc.array(anyHalt, { maxLength: 8 });

  it('a halt that covers something covers it beside any others, in any order', () => {
    fc.assert(
      fc.property(anyHalt, others, others, anyUndertaking, (one, before, after, what) => {
        if (!haltFor([one], what)) return;
        expect(haltFor([...before, one, ...after], what)?.because).toContain(haltFor([one], what)?.because[0]);
      }),
    );
  });

  it('together they cover what one of them covers alone, and nothing else', () => {
    fc.assert(
      fc.property(others, anyUndertaking, (halts, what) => {
        expect(haltFor(halts, what) !== null).toBe(halts.some((one) => haltFor([one], what) !== null));
      }),
    );
  });

  it('a release takes back the halt of that very target, and never another', () => {
    fc.assert(
      fc.property(others, anyTarget, anyUndertaking, (halts, target, what) => {
        const found = haltOn(halts, cycleId, target);
        const after = halts.map((each) => (each === found ? { ...each, releasedAt } : each));
        if (found) expect(found).toMatchObject({ ...target, cycleId, releasedAt: null });
        for (const [index, each] of halts.entries()) {
          if (each !== found) expect(after[index]).toBe(each);
          if (each !== found && haltFor([each], what)) expect(haltFor(after, what)).not.toBeNull();
        }
      }),
    );
  });

  it('what holds a ring stops every start in it', () => {
    fc.assert(
      fc.property(others, anyUndertaking, (halts, what) => {
        if (ringHaltFor(halts, what, 14)) expect(haltFor(halts, what)).not.toBeNull();
      }),
    );
  });
});
