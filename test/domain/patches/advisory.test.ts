import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cvesOf, joinAdvisories } from '../../../domain/patches/advisory.ts';
import type { KnownExploited } from '../../../domain/patches/advisory.ts';
import type { AvailableUpdate } from '../../../domain/patch.ts';
import { changelogsSchema } from '../../../protocol/agent.ts';

function changelog(source: string) {
  const text = readFileSync(new URL(`fixtures/changelog-${source}.json`, import.meta.url), 'utf8');
  return changelogsSchema.parse(JSON.parse(text)).entries;
}

function update(change: Partial<AvailableUpdate>): AvailableUpdate {
  return {
    package: 'libssl3',
    architecture: 'amd64',
    from: '3.0.20-1~deb12u2',
    to: '3.0.22-1~deb12u2',
    source: 'openssl',
    sourceVersion: '3.0.22-1~deb12u2',
    origins: ['Debian-Security:12/oldstable-security'],
    sizeBytes: 1,
    ...change,
  };
}

const planted: KnownExploited = {
  cve: 'CVE-2026-84782',
  name: 'a name',
  addedAt: '2026-11-20T00:00:00.000Z',
  dueAt: '2026-11-23T23:59:59.999Z',
  requiredAction: 'patch',
  usedByRansomware: false,
  source: 'exercise.json',
  plantedBy: 'a test',
};
const noKev = new Map<string, KnownExploited>();

describe('what a changelog says', () => {
  test('between openssl 3.0.20 and 3.0.22 are the twelve CVEs that both newer entries name', () => {
    const reading = cvesOf(changelog('openssl'), { from: '3.0.20-1~deb12u2', to: '3.0.22-1~deb12u2' });
    expect(reading.cves).toEqual(
      [35189, 42767, 54872, 54874, 63072, 63074, 63076, 75803, 75805, 75806, 77696, 84782].map((n) => `CVE-2026-${n}`),
    );
    expect(reading.entries.map((entry) => entry.version)).toEqual(['3.0.22-1~deb12u2', '3.0.22-1~deb12u1']);
    expect(reading).toMatchObject({
      urgency: 'high',
      publishedAt: '2026-10-21T09:54:24.000Z',
      distributions: ['bookworm-security'],
    });
  });

  test('the entry of the installed version is left out, the one of the new version counts', () => {
    const reading = cvesOf(changelog('openssl'), { from: '3.0.22-1~deb12u1', to: '3.0.22-1~deb12u2' });
    expect(reading.cves).toHaveLength(6);
    expect(reading.cves).toContain('CVE-2026-84782');
    expect(reading.cves).not.toContain('CVE-2026-42767');
  });

  test('CVE ids are sorted by number and not as text', () => {
    const { cves } = cvesOf(changelog('expat'), { from: '2.5.0-1+deb12u2', to: '2.5.0-1+deb12u5' });
    expect(cves).toHaveLength(27);
    expect(cves.indexOf('CVE-2026-24515')).toBeLessThan(cves.indexOf('CVE-2026-102633'));
    expect(cves[0]).toBe('CVE-2024-28757');
  });

  test('fixes that have no CVE are known by their other ids', () => {
    const range = { from: '5.4.1-1+deb12u1', to: '5.4.1-1+deb12u2' };
    expect(cvesOf(changelog('xz-utils'), range)).toMatchObject({ cves: [], otherIds: ['GHSA-5qpq-xqfv-j9pg'] });
    const unzip = cvesOf(changelog('unzip'), { from: '6.0-28', to: '6.0-28+deb12u1' });
    expect(unzip.otherIds).toEqual(['CAN-2026-2034440', 'CAN-2026-2034442', 'CAN-2026-2034443']);
  });

  test('the order in which entries arrive, and entries that arrive twice, change nothing', () => {
    const entries = changelog('expat');
    const range = { from: '2.5.0-1+deb12u2', to: '2.5.0-1+deb12u5' };
    expect(cvesOf([...entries.toReversed(), ...entries], range)).toEqual(cvesOf(entries, range));
  });

  test.each([
    ['high (security fixes)', 'high'],
    ['MEDIUM; binary-only=yes', 'medium'],
    ['emergency', 'emergency'],
    ['soon', 'unknown'],
    ['', 'unknown'],
  ])('urgency "%s" is read as %s', (urgency, expected) => {
    const entry = { ...changelog('openssl')[0]!, urgency };
    expect(cvesOf([entry], { from: null, to: entry.version }).urgency).toBe(expected);
  });
});

describe('joining updates with their changelogs', () => {
  test('packages of one source at one version are one advisory', () => {
    const [facts, ...rest] = joinAdvisories([update({}), update({ package: 'openssl' })], changelog('openssl'), noKev);
    expect(rest).toEqual([]);
    expect(facts).toMatchObject({
      source: 'openssl',
      version: '3.0.22-1~deb12u2',
      packages: ['libssl3', 'openssl'],
      changelogRead: true,
      knownExploited: false,
      dueAt: null,
    });
    expect(facts?.because).toEqual(['its changelog names 12 vulnerabilities in 2 entries since 3.0.20-1~deb12u2']);
  });

  test('the oldest installed version decides how far back is read', () => {
    const updates = [update({ from: '3.0.22-1~deb12u1' }), update({ package: 'openssl' })];
    expect(joinAdvisories(updates, changelog('openssl'), noKev)[0]?.cves).toHaveLength(12);
  });

  test('a planted entry makes it known as exploited, and says that it is planted and by whom', () => {
    const [facts] = joinAdvisories([update({})], changelog('openssl'), new Map([[planted.cve, planted]]));
    expect(facts).toMatchObject({ knownExploited: true, exploitedCves: ['CVE-2026-84782'], dueAt: planted.dueAt });
    expect(facts?.because.at(-1)).toBe(
      'CVE-2026-84782 is known to be exploited since 2026-11-20 (exercise.json, planted by a test), due 2026-11-23',
    );
  });

  test('an exploited CVE that was fixed before the installed version does not count', () => {
    const old = { ...planted, cve: 'CVE-2026-7383' };
    const [facts] = joinAdvisories([update({})], changelog('openssl'), new Map([[old.cve, old]]));
    expect(facts).toMatchObject({ knownExploited: false, exploited: [], dueAt: null });
  });

  test('without a changelog its CVEs are unknown, which is said and is not the same as none', () => {
    const [facts] = joinAdvisories([update({})], [], noKev);
    expect(facts).toMatchObject({ changelogRead: false, cves: [], publishedAt: null, urgency: 'unknown' });
    expect(facts?.because[0]).toContain('its CVEs are unknown');
  });

  test('a changelog that does not reach the offered version counts as not read, and what it names still counts', () => {
    const [facts] = joinAdvisories([update({})], changelog('openssl').slice(1), noKev);
    expect(facts?.changelogRead).toBe(false);
    expect(facts?.cves).toHaveLength(6);
  });

  test('a rebuild of the installed source brings nothing, and that is known', () => {
    const rebuild = update({
      package: 'bash',
      source: 'bash',
      from: '5.2.15-2+b8',
      to: '5.2.15-2+b13',
      sourceVersion: '5.2.15-2',
    });
    const [facts] = joinAdvisories([rebuild], changelog('bash'), noKev);
    expect(facts).toMatchObject({ changelogRead: true, cves: [] });
    expect(facts?.because).toEqual(['bash 5.2.15-2 is a rebuild of the installed version, its source is the same']);
  });

  test('a binary whose versions are not its source counts every entry that was handed in', () => {
    const own = update({ package: 'ssl-meta', from: '1.0', to: '2.0' });
    expect(joinAdvisories([own], changelog('openssl').slice(0, 2), noKev)[0]?.cves).toHaveLength(12);
  });

  test('entries of other sources are not mixed in', () => {
    const entries = [...changelog('openssl'), ...changelog('expat'), ...changelog('apt')];
    const expat = update({
      package: 'libexpat1',
      source: 'expat',
      from: '2.5.0-1+deb12u2',
      to: '2.5.0-1+deb12u5',
      sourceVersion: '2.5.0-1+deb12u5',
    });
    const joined = joinAdvisories([update({}), expat], entries, noKev);
    expect(joined.map(({ source, cves }) => [source, cves.length])).toEqual([
      ['expat', 27],
      ['openssl', 12],
    ]);
  });
});
