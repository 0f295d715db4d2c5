import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BreakerQuestion,
  type PatchFailure,
  failuresIn,
  judgePatch,
  stoppedAmong,
  stoppedInWords,
} from '../../../domain/patches/breaker.ts';
import { excludedByBreaker, excludedInWords } from '../../../domain/patches/excluded.ts';
import { type Patch, patchKey } from '../../../domain/patch.ts';

const cron = { package: 'cron', architecture: 'amd64', version: '3.0pl1-162+deb12u1' };
const morning = '2026-11-22T08:00:00.000Z';
const noon = '2026-11-22T12:00:00.000Z';

/** `acme/web-1` or, where nobody knows which patch it was, `acme/web-1?`. */
function failed(where: string, failedAt = morning): PatchFailure {
  const [clientId = '', name = ''] = where.replace('?', '').split('/');
  return { clientId, endpointId: `${name}.${clientId}`, failedAt, blamed: !where.endsWith('?') };
}
function judge(where: readonly (string | PatchFailure)[], more: Partial<BreakerQuestion> = {}) {
  const failures = where.map((one) => (typeof one === 'string' ? failed(one) : one));
  return judgePatch({ patch: cron, failures, provenSomewhere: true, releasedAt: null, endpointsAtLeast: 2, ...more });
}
const set = (...names: readonly string[]): Patch[] =>
  names.map((name) => ({ package: name, architecture: 'amd64', from: '1', to: '2' }));

describe('whether a patch stops for everyone', () => {
  it.each([
    ['it has failed nowhere', judge([]), false],
    ['it failed on one endpoint', judge(['acme/web-1']), false],
    ['it failed on two endpoints of two clients', judge(['acme/web-1', 'beta/web-1']), true],
    ['two endpoints of one client are that client’s trouble', judge(['acme/web-1', 'acme/web-2']), false],
    ['a hundred endpoints of one client are too', judge(Array.from({ length: 100 }, (_, n) => `acme/web-${n}`)), false],
    ['one endpoint that failed twice is one', judge(['acme/web-1', failed('acme/web-1', noon)]), false],
    ['the provider asks for one: one client is enough', judge(['acme/web-1'], { endpointsAtLeast: 1 }), true],
    ['the provider asks for three', judge(['acme/web-1', 'beta/web-1'], { endpointsAtLeast: 3 }), false],
    ['three of two clients', judge(['acme/web-1', 'beta/web-1', 'acme/web-2'], { endpointsAtLeast: 3 }), true],
    ['what failed before its release counts no more', judge(['acme/web-1', 'beta/web-1'], { releasedAt: noon }), false],
    [
      'what failed after it counts',
      judge([failed('acme/web-1', noon), failed('beta/web-1', noon)], { releasedAt: morning }),
      true,
    ],
    ['nobody knows which patch it was, and others have proven this one', judge(['acme/web-1?', 'beta/web-1?']), false],
    [
      'nobody knows which patch it was, and nobody has proven this one',
      judge(['acme/web-1?', 'beta/web-1?'], { provenSomewhere: false }),
      true,
    ],
  ])('%s', (_, verdict, stops) => {
    expect(verdict.stops).toBe(stops);
    expect(verdict.because.length).toBeGreaterThan(0);
  });

  it('says its numbers to the provider', () => {
    expect(judge(['acme/web-1', 'beta/web-1']).because).toEqual([
      'cron 3.0pl1-162+deb12u1 failed verification on 2 endpoints of 2 clients, it stops at 2 of 2',
    ]);
  });
});

describe('which patches the end of an endpoint counts against', () => {
  it.each([
    ['what was patched counts against none', 'patched', [], []],
    ['what was skipped was not installed', 'skipped', ['cron'], []],
    ['the one that the evidence blames', 'rolled_back', ['cron'], ['cron:amd64=2 blamed']],
    ['all of them where it blames none', 'rolled_back', [], ['cron:amd64=2', 'grep:amd64=2']],
    ['all of them where it blames none of the set', 'quarantined', ['apt'], ['cron:amd64=2', 'grep:amd64=2']],
  ] as const)('%s', (_, outcome, packagesAtFault, expected) => {
    const counted = failuresIn(set('cron', 'grep'), { outcome, packagesAtFault });
    expect(counted.map(({ patch, blamed }) => `${patchKey(patch)}${blamed ? ' blamed' : ''}`)).toEqual(expected);
  });
});

describe('what a stop means for a set', () => {
  it('another version and another architecture of the same package are other patches', () => {
    const stopped = [{ ...cron, version: '2' }];
    expect(stoppedAmong(set('cron', 'grep'), stopped).map(patchKey)).toEqual(['cron:amd64=2']);
    expect(stoppedAmong(set('cron'), [cron])).toEqual([]);
    expect(stoppedAmong(set('cron'), [{ ...cron, version: '2', architecture: 'arm64' }])).toEqual([]);
  });

  it('what a client’s record says of it names nobody and counts nothing', () => {
    expect(stoppedInWords(cron)).toBe(
      'cron 3.0pl1-162+deb12u1 is stopped provider-wide by the bad-patch breaker until a person releases it',
    );
    expect(excludedInWords([excludedByBreaker(cron)], 2).join(' ')).not.toMatch(/client|endpoints of|\bacme\b/);
  });
});

describe('of any failures', () => {
  const failure = fc.record({
    clientId: fc.constantFrom('acme', 'beta', 'gamma'),
    endpointId: fc.constantFrom('e1', 'e2', 'e3', 'e4', 'e5'),
    failedAt: fc.constantFrom(morning, noon),
    blamed: fc.boolean(),
  });
  const question = fc.record({
    patch: fc.constant(cron),
    failures: fc.array(failure, { maxLength: 12 }),
    provenSomewhere: fc.boolean(),
    releasedAt: fc.constantFrom(null, '2026-11-22T10:00:00.000Z'),
    endpointsAtLeast: fc.integer({ min: 1, max: 4 }),
  });

  it('a stop has k distinct endpoints behind it, of two clients where k allows, all after the last release', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const { failures, provenSomewhere, releasedAt, endpointsAtLeast } = asked;
        const counted = failures.filter(
          (one) => (one.blamed || !provenSomewhere) && (releasedAt === null || one.failedAt > releasedAt),
        );
        const endpoints = new Set(counted.map((one) => one.endpointId)).size;
        const clients = new Set(counted.map((one) => one.clientId)).size;
        const enough = endpoints >= endpointsAtLeast && (endpointsAtLeast === 1 || clients >= 2);
        expect(judgePatch(asked).stops).toBe(enough);
      }),
    );
  });

  it('one more failure never lets a stopped patch go, and the order of failures changes nothing', () => {
    fc.assert(
      fc.property(question, failure, (asked, more) => {
        const verdict = judgePatch(asked);
        expect(judgePatch({ ...asked, failures: asked.failures.toReversed() })).toEqual(verdict);
        if (verdict.stops) expect(judgePatch({ ...asked, failures: [...asked.failures, more] }).stops).toBe(true);
      }),
    );
  });
});
