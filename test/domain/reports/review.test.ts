import { describe, expect, test } from 'vitest';
import { reviewCycle } from '../../../domain/reports/review.ts';
import { facts, recorded } from '../../setup/report-facts.ts';
import type { SupportEnd } from '../../../domain/reports/review-facts.ts';

function reviewWith(end: Partial<SupportEnd>, soonDays?: number) {
  const os = { id: 'debian', version: '12' };
  const supportEnds = [{ os, endsAt: null, extendedEndsAt: null, source: 'a source', ...end }];
  return reviewCycle({ ...recorded, supportEnds, endpoints: recorded.endpoints.slice(0, 1) }, soonDays).endOfSupport;
}

describe('end of support, seen on 2026-11-21', () => {
  test.each([
    ['past', '2026-07-11T23:59:59.999Z', '2026-08-31T23:59:59.999Z'],
    ['past', '2026-07-11T23:59:59.999Z', null],
    ['extended only', '2026-07-11T23:59:59.999Z', '2028-06-30T23:59:59.999Z'],
    ['soon', '2027-01-31T23:59:59.999Z', null],
    ['soon', '2026-11-21T23:59:59.999Z', null],
    ['unknown', null, null],
  ])('is %s when it ends at %s, extended at %s', (state, endsAt, extendedEndsAt) => {
    expect(reviewWith({ endsAt, extendedEndsAt })).toMatchObject([{ endpoint: 'ber-web-1', os: 'Debian 12', state }]);
  });

  test('is not named while it is further away than asked', () => {
    expect(reviewWith({ endsAt: '2027-01-31T23:59:59.999Z' }, 30)).toEqual([]);
  });

  test('of a release that nobody looked up is unknown', () => {
    const { endOfSupport } = reviewCycle({ ...recorded, supportEnds: [] });
    expect(new Set(endOfSupport.map((end) => end.state))).toEqual(new Set(['unknown']));
    expect(endOfSupport).toHaveLength(6);
  });
});

describe('what ran out', () => {
  test.each([
    ['2026-11-20', 1],
    ['2026-11-14', 7],
  ])('an exception until %s ran out %i days ago', (until, expiredDays) => {
    const exceptions = [{ kind: 'exception' as const, subject: 'curl', because: 'x', owner: 'dana', until }];
    expect(reviewCycle({ ...recorded, exceptions }).expiredExceptions).toMatchObject([{ until, expiredDays }]);
  });

  test('an exception holds through the whole of its last day', () => {
    const exceptions = [
      { kind: 'exception' as const, subject: 'curl', because: 'x', owner: 'dana', until: '2026-11-21' },
    ];
    expect(reviewCycle({ ...recorded, exceptions }).expiredExceptions).toEqual([]);
  });
});

describe('the review of the example', () => {
  const { review } = facts;

  test('names the rule that matched nothing and the endpoints that still wait', () => {
    expect(review.matchedNothing.map((rule) => rule.rule)).toEqual(['kiosks: role kiosk']);
    expect(review.stillWaiting.map(({ endpoint, waitingFor }) => [endpoint, waitingFor])).toEqual([
      ['bos-web-1', 'ring'],
      ['bos-web-2', 'offline'],
    ]);
  });

  test('suggests what to do, most urgent first, each with its reason', () => {
    expect(review.suggestions.map(({ suggestion }) => suggestion)).toEqual([
      'Find out what the update broke on ber-web-2 before it is tried again',
      'Hold shop-ledger 2.0 until its fault is understood',
      'Close overdue libssl3 3.0.22-1~deb12u2 on ber-web-2, bos-web-1 and bos-web-2',
      'Close overdue curl 7.88.1-10+deb12u15 on bos-app-1',
      'Switch off apt-daily-upgrade.timer on bos-app-1',
      'Enrol 10.81.0.66 at berlin, or find out whose it is',
      'Find out why bos-web-2 does not answer',
      'Isolate or phase out bos-app-1: Debian 11 gets no security fixes any more',
      'Plan to leave Debian 12 on ber-web-1, ber-web-2, ber-db-1, bos-web-1 and bos-web-2',
      'Decide again about CVE-2026-11111',
      'Repair or remove the segment rule "kiosks: role kiosk"',
      'Look after bos-web-1: still waiting (ring)',
    ]);
    expect(review.suggestions.every(({ because }) => because !== '')).toBe(true);
  });

  test('asks for nothing when all went well', () => {
    const calm = reviewCycle({
      ...recorded,
      discovery: { managed: [], silent: [], unmanaged: [], otherUpdaters: [] },
      endpoints: recorded.endpoints
        .slice(0, 1)
        .map((endpoint) => ({ ...endpoint, os: { id: 'debian', version: '13' } })),
      patchSet: recorded.patchSet.filter((entry) => entry.decision === 'approved'),
      supportEnds: [
        { os: { id: 'debian', version: '13' }, endsAt: '2028-08-09T23:59:59.999Z', extendedEndsAt: null, source: 'x' },
      ],
      exceptions: [],
      rules: [],
    });
    expect(calm.suggestions).toEqual([]);
  });
});
