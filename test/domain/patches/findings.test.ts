import { describe, expect, test } from 'vitest';
import type { AdvisoryFacts, KnownExploited } from '../../../domain/patches/advisory.ts';
import { dueDays, findingsOf, needsEmergency } from '../../../domain/patches/findings.ts';

const firstSeenAt = '2026-11-01T08:00:00.000Z';

function advisory(change: Partial<AdvisoryFacts>): AdvisoryFacts {
  return {
    source: 'openssl',
    version: '3.0.22-1~deb12u2',
    packages: ['libssl3'],
    changelogRead: true,
    cves: ['CVE-2026-84782'],
    otherIds: [],
    urgency: 'high',
    distributions: ['bookworm-security'],
    knownExploited: false,
    exploited: [],
    exploitedCves: [],
    dueAt: null,
    publishedAt: '2026-10-21T09:54:24.000Z',
    because: [],
    ...change,
  };
}

function exploited(dueAt: string): Partial<AdvisoryFacts> {
  const entry: KnownExploited = {
    cve: 'CVE-2026-84782',
    name: '',
    addedAt: '2026-10-22T00:00:00.000Z',
    dueAt,
    requiredAction: '',
    usedByRansomware: true,
    source: 'the catalogue',
    plantedBy: null,
  };
  return { knownExploited: true, exploited: [entry], exploitedCves: [entry.cve], dueAt };
}

describe('when a finding is due', () => {
  test.each([
    ['critical', '2026-11-04'],
    ['important', '2026-11-04'],
    ['unknown', '2026-11-04'],
    ['moderate', '2026-11-20'],
    ['low', '2027-01-19'],
  ] as const)('severity %s is due on %s, counted from publication', (severity, day) => {
    const [finding] = findingsOf('web-1', [advisory({})], () => severity, firstSeenAt);
    expect(finding?.dueAt.slice(0, 10)).toBe(day);
    expect(finding?.because[0]).toBe(`severity ${severity}: ${dueDays[severity]} days from 2026-10-21 (published)`);
  });

  test('an unknown severity is never due later than a known one', () => {
    expect(dueDays.unknown).toBe(Math.min(...Object.values(dueDays)));
  });

  test('where publication is unknown the clock starts when it was first seen', () => {
    const [finding] = findingsOf('web-1', [advisory({ publishedAt: null })], () => 'critical', firstSeenAt);
    expect(finding?.dueAt).toBe('2026-11-15T08:00:00.000Z');
    expect(finding?.because[0]).toContain('first seen, its publication is unknown');
  });

  test('what is known to be exploited is due on the date of the catalogue when that is earlier', () => {
    const known = advisory(exploited('2026-10-25T23:59:59.999Z'));
    const [finding] = findingsOf('web-1', [known], () => 'critical', firstSeenAt);
    expect(finding).toMatchObject({ dueAt: '2026-10-25T23:59:59.999Z', needsEmergency: true });
    expect(finding?.because.at(-1)).toBe("due 2026-10-25, the catalogue's date, which is earlier");
  });

  test('a later date of the catalogue does not lengthen the time', () => {
    const known = advisory(exploited('2026-12-25T23:59:59.999Z'));
    expect(findingsOf('web-1', [known], () => 'critical', firstSeenAt)[0]?.dueAt.slice(0, 10)).toBe('2026-11-04');
  });
});

describe('what is a finding', () => {
  test('an advisory that is known to fix no vulnerability is none', () => {
    const harmless = advisory({ cves: [], distributions: ['bookworm'] });
    expect(findingsOf('web-1', [harmless], () => 'low', firstSeenAt)).toEqual([]);
  });

  test.each([
    ['its changelog could not be read', { cves: [], changelogRead: false, distributions: [] }],
    ['it names only an id of another kind', { cves: [], otherIds: ['GHSA-5qpq-xqfv-j9pg'], distributions: [] }],
    ['it went to a security suite and names nothing', { cves: [] }],
  ])('an advisory is one when %s', (_, change) => {
    expect(findingsOf('web-1', [advisory(change)], () => 'unknown', firstSeenAt)).toHaveLength(1);
  });
});

describe('whether an emergency is needed', () => {
  test('one exploited vulnerability on one endpoint is enough, and the reason says where', () => {
    const known = advisory(exploited('2026-11-12T23:59:59.999Z'));
    const findings = [
      ...findingsOf(
        'web-1',
        [advisory({ source: 'curl', cves: ['CVE-2026-1'] }), known],
        () => 'critical',
        firstSeenAt,
      ),
      ...findingsOf('web-2', [advisory({ source: 'curl', cves: ['CVE-2026-1'] })], () => 'critical', firstSeenAt),
    ];
    expect(needsEmergency(findings)).toEqual({
      needed: true,
      cves: ['CVE-2026-84782'],
      endpoints: ['web-1'],
      because: [
        'CVE-2026-84782 is known to be exploited since 2026-10-22 (the catalogue), due 2026-11-12; open on 1 endpoint, closed by openssl 3.0.22-1~deb12u2',
      ],
    });
  });

  test('severity alone asks for none', () => {
    const findings = findingsOf('web-1', [advisory({})], () => 'critical', firstSeenAt);
    expect(needsEmergency(findings)).toEqual({ needed: false, cves: [], endpoints: [], because: [] });
  });
});
