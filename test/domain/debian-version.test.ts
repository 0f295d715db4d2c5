import { spawnSync } from 'node:child_process';
import { assert, property, stringMatching } from 'fast-check';
import { expect, test } from 'vitest';
import { compareVersions, withoutRebuild } from '../../domain/debian-version.ts';

const inOrder = [
  '1.0~~',
  '1.0~rc1',
  '1.0',
  '1.0-1~deb12u1',
  '1.0-1',
  '1.0-1+b1',
  '1.0-1+deb12u2',
  '1.0-1+deb12u10',
  '1.0a',
  '1.0+dfsg',
  '1.2',
  '1.10',
  '1:0.9',
];

test('versions are ordered as Debian orders them', () => {
  expect(inOrder.toReversed().toSorted(compareVersions)).toEqual(inOrder);
  expect(compareVersions('1.0', '1.0-0')).toBe(0);
  expect(compareVersions('0:1.0', '1.0')).toBe(0);
  expect(compareVersions('1.001', '1.1')).toBe(0);
});

test('runs of digits of any length are compared exactly', () => {
  expect(compareVersions('1.99999999999999999998', '1.99999999999999999999')).toBeLessThan(0);
});

test('a rebuild is the source without its suffix', () => {
  expect(withoutRebuild('5.2.15-2+b13')).toBe('5.2.15-2');
  expect(withoutRebuild('2.5.0-1+deb12u5')).toBe('2.5.0-1+deb12u5');
});

const version = stringMatching(/^([0-2]:)?[0-9][0-9a-bA.+~]{0,5}(-[0-9a-b.+~]{1,4})?$/);
const hasDpkg = spawnSync('dpkg', ['--version']).status === 0;

test.skipIf(!hasDpkg)('dpkg agrees (skipped where there is no dpkg)', () => {
  assert(
    property(version, version, (left, right) => {
      const order = compareVersions(left, right);
      const relation = order < 0 ? 'lt' : order > 0 ? 'gt' : 'eq';
      expect(spawnSync('dpkg', ['--compare-versions', left, relation, right]).status).toBe(0);
    }),
    { numRuns: 300, seed: 20261122 },
  );
});
