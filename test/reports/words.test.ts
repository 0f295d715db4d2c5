import { describe, expect, test } from 'vitest';
import { summaryInWords } from '../../reports/summary.ts';
import { whyInWords } from '../../reports/why.ts';
import { endpointsThatNeedAPerson } from '../../reports/sentences.ts';
import { describeState, durationInWords, instantInWords } from '../../reports/words.ts';
import { complete, facts, recorded } from '../setup/report-facts.ts';

describe('the summary for a terminal', () => {
  const summary = summaryInWords(facts);

  test('opens with which cycle, how it ended, and what is late', () => {
    expect(summary.slice(0, 3)).toEqual([
      'Acme Trading & Co: standard cycle cycle/acme/servers/2026-11-21, policy servers version 4, halted, started 2026-11-21 20:00 UTC.',
      '2 of 6 endpoints patched and proven; 1 with nothing due; 1 rolled back; 2 waiting and not done.',
      '4 patches past the due date on 2026-11-21 and not done.',
    ]);
  });

  test('names what waits as not done, with the reason', () => {
    expect(summary).toContain(
      '  bos-web-2, waiting, not done (it is offline): no answer since 2026-11-19 17:40 UTC; it is caught up when it is back and its window is open.',
    );
  });

  test('has a part for what was found, patched, not patched, not covered and to do', () => {
    expect(summary.filter((line) => /^[A-Z][a-z ]+:$/.test(line))).toEqual([
      'Found:',
      'Patched:',
      'Not patched:',
      'Not covered:',
      'To do:',
    ]);
  });

  test('a fleet of any size stays a screen or two', () => {
    const endpoints = Array.from({ length: 5000 }, (_, index) => ({
      ...recorded.endpoints[5]!,
      endpoint: `laptop-${index}`,
    }));
    const long = summaryInWords(complete({ ...recorded, endpoints }));
    expect(long.length).toBeLessThan(80);
    expect(long).toContain('  and 4984 more, all in the report');
    expect(Math.max(...long.map((line) => line.length))).toBeLessThan(600);
  });

  test('a policy that only reports says that nothing was to be patched', () => {
    const nothing = { ...recorded, reportOnly: true, endpoints: [] };
    expect(summaryInWords(complete(nothing))).toContain('  Nothing: the policy only reports.');
  });
});

test('an endpoint in quarantine needs a person until one has released it', () => {
  const released = { ...recorded.endpoints[0]!, outcome: 'quarantined' as const };
  const needy = { ...released, personNeeded: true };
  const named = (endpoint: typeof needy | typeof released) =>
    endpointsThatNeedAPerson(complete({ ...recorded, endpoints: [endpoint] })).length;
  expect([describeState(needy), named(needy)]).toEqual(['quarantined, needs a person', 1]);
  expect([describeState(released), named(released)]).toEqual(['was quarantined, released by a person', 0]);
});

describe('why', () => {
  test('an endpoint that was rolled back says what failed, its gate and that it was restored', () => {
    const why = whyInWords(facts, 'ber-web-2');
    expect(why[0]).toBe('ber-web-2 at berlin: rolled back');
    expect(why).toContain('gate of ring early: halt, 1 of 2 failed (ber-web-2), at most 0 may');
    expect(why).toContain('rolled back to it at 2026-11-21 21:18 UTC');
    expect(why).toContain('check service shop-web: active before, failed after');
    expect(why).toContain('shop-web 1.0 → 1.1: rolled back, not done');
  });

  test('an order about a patch is named with the patch, by its name or its version, and where nobody has that patch not at all', () => {
    const order = { order: 'halt', who: 'lee', because: ['it is suspected'], orderedAt: '2026-11-21T21:00:00.000Z' };
    const orders = ['patch shop-web', 'patch shop-web=1.1', 'patch shop-web=1.2'].map((about) => ({ ...order, about }));
    const inWords = (about: string) => `halt of ${about} by lee at 2026-11-21 21:00 UTC: it is suspected`;
    const named = [inWords('patch shop-web'), inWords('patch shop-web=1.1')];
    const ordersIn = (why: readonly string[]) => why.filter((line) => line.startsWith('halt of patch'));
    expect(ordersIn(whyInWords({ ...facts, orders }, 'ber-web-2'))).toEqual(named);
    expect(ordersIn(whyInWords({ ...facts, orders }, 'ber-web-2', 'shop-web'))).toEqual(named);
    expect(ordersIn(whyInWords({ ...facts, orders }, 'bos-app-1', 'curl'))).toEqual([]);
  });

  test('an endpoint whose ring never opened names the gate that stopped it', () => {
    expect(whyInWords(facts, 'bos-web-1')).toContain(
      'gate of ring early: halt, 1 of 2 failed (ber-web-2), at most 0 may',
    );
  });

  test('one package is answered with its decision, its owner and its due date', () => {
    expect(whyInWords(facts, 'bos-app-1', 'curl')).toEqual([
      'bos-app-1: patched and proven',
      '  2 of 2 planned patches are proven',
      'curl 7.88.1-10+deb12u12 → 7.88.1-10+deb12u15: held back by an exception',
      '  held back by an exception: exception of omar@acme.example until 2026-12-15: the export runs on the old one until year-end',
      '  security, moderate: CVE-2026-3783, CVE-2026-3784',
      '  due 2026-11-07 14:16 UTC',
    ]);
  });

  test('an endpoint or a package that is not known is said so, with those that are', () => {
    expect(whyInWords(facts, 'ber-web-9')).toEqual([
      'cycle/acme/servers/2026-11-21 has no endpoint ber-web-9; it has ber-web-1, ber-web-2, bos-app-1, ber-db-1, bos-web-1 and bos-web-2.',
    ]);
    expect(whyInWords(facts, 'ber-db-1', 'vim')).toEqual([
      'No update of vim was found on ber-db-1 in cycle/acme/servers/2026-11-21.',
    ]);
  });

  test('every recorded reason of every endpoint and patch is printed', () => {
    for (const endpoint of facts.endpoints) {
      const text = whyInWords(facts, endpoint.endpoint).join('\n');
      for (const because of [...endpoint.because, ...endpoint.patches.map((patch) => patch.because)])
        expect(text).toContain(because);
    }
  });
});

test.each([
  ['2026-11-21T20:00:00.000Z', '2026-11-21 20:00 UTC'],
  ['2026-11-21T20:00:00+02:00', '2026-11-21 18:00 UTC'],
  ['soon', 'soon'],
])('the instant %s is said as %s', (instant, words) => {
  expect(instantInWords(instant)).toBe(words);
});

test.each([
  ['2026-11-21T20:00:00Z', '2026-11-21T20:00:20Z', '20 s'],
  ['2026-11-21T20:00:00Z', '2026-11-21T20:59:40Z', '1 h 0 min'],
  ['2026-11-21T20:00:00Z', '2026-11-21T21:40:00Z', '1 h 40 min'],
  ['2026-11-21T20:00:00Z', null, ''],
])('from %s to %s is said as "%s"', (from, to, words) => {
  expect(durationInWords(from, to)).toBe(words);
});
