import { describe, expect, it } from 'vitest';
import type { PublishedFacts } from '../../../domain/patches/classification.ts';
import { classifyUpdate } from '../../../domain/patches/classification.ts';
import type { AvailableUpdate } from '../../../domain/patch.ts';

const nothing: PublishedFacts = { cves: [], urgency: 'unknown', knownExploited: false };

function update(...origins: string[]): AvailableUpdate {
  return {
    package: 'openssl',
    architecture: 'amd64',
    from: '3.0.16',
    to: '3.0.17',
    source: 'openssl',
    sourceVersion: '3.0.17',
    origins,
    sizeBytes: 1,
  };
}

describe('the class of an update', () => {
  it.each([
    ['Debian-Security:12/oldstable-security', 'security'],
    ['Ubuntu:22.04/jammy-security', 'security'],
    ['Lab:1/lab-security', 'security'],
    ['Debian:12.12/oldstable', 'bugfix'],
    ['Ubuntu:22.04/jammy-updates', 'bugfix'],
    ['Debian Backports:12/bookworm-backports', 'feature'],
    ['nginx:stable/bookworm', 'unknown'],
    ['NotDebian:12/oldstable', 'unknown'],
  ])('from %s is %s', (origin, expected) => {
    const result = classifyUpdate(update(origin), nothing);
    expect(result.class).toBe(expected);
    expect(result.because[0]).toContain(origin);
  });

  it('is security when one of several origins is', () => {
    expect(
      classifyUpdate(update('Debian:12.12/oldstable', 'Debian-Security:12/oldstable-security'), nothing).class,
    ).toBe('security');
  });

  it('is security when the distribution names a CVE in a point release', () => {
    const facts = { ...nothing, cves: ['CVE-2026-1111'] };
    expect(classifyUpdate(update('Debian:12.12/oldstable'), facts).class).toBe('security');
  });

  it('stays unknown when a third party names a CVE', () => {
    const facts = { ...nothing, cves: ['CVE-2026-1111'] };
    expect(classifyUpdate(update('nginx:stable/bookworm'), facts).class).toBe('unknown');
  });

  it('is unknown without any origin', () => {
    expect(classifyUpdate(update(), nothing)).toMatchObject({ class: 'unknown', severity: 'unknown' });
  });
});

describe('the severity of an update', () => {
  const security = update('Debian-Security:12/oldstable-security');
  const bugfix = update('Debian:12.12/oldstable');

  it.each([
    [
      'known exploited, whatever the changelog says',
      security,
      { ...nothing, urgency: 'low', knownExploited: true },
      'critical',
    ],
    ['security, urgency emergency', security, { ...nothing, urgency: 'emergency' }, 'critical'],
    ['security, urgency high', security, { ...nothing, urgency: 'high' }, 'important'],
    ['security, urgency medium: haste is no severity', security, { ...nothing, urgency: 'medium' }, 'unknown'],
    ['security, urgency low: haste is no severity', security, { ...nothing, urgency: 'low' }, 'unknown'],
    ['bugfix, urgency medium', bugfix, { ...nothing, urgency: 'medium' }, 'moderate'],
    ['bugfix, urgency low', bugfix, { ...nothing, urgency: 'low' }, 'low'],
    ['bugfix, nothing known', bugfix, nothing, 'unknown'],
  ] as const)('%s', (_, what, facts, severity) => {
    expect(classifyUpdate(what, facts).severity).toBe(severity);
  });
});
