import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions } from '../../domain/debian-version.ts';
import { rangeProblem, satisfies } from '../../domain/versions.ts';

/** What dpkg itself says: -1, 0 or 1. */
function asDpkg(left: string, right: string): number {
  const holds = (relation: string) =>
    spawnSync('dpkg', ['--compare-versions', left, relation, right], { stdio: 'ignore' }).status === 0;
  if (holds('lt')) return -1;
  return holds('eq') ? 0 : 1;
}

const piece = fc.stringMatching(/^[0-9a-cA~+.]{0,4}$/);
const version = fc
  .record({
    epoch: fc.constantFrom('', '', '0:', '1:', '02:'),
    first: fc.stringMatching(/^[0-9]{1,3}$/),
    upstream: piece,
    middle: fc.constantFrom('', '', '-', '-1-'),
    revision: fc.stringMatching(/^[0-9a-c~+.]{1,4}$/),
  })
  .map(({ epoch, first, upstream, middle, revision }) =>
    middle === '' ? `${epoch}${first}${upstream}` : `${epoch}${first}${upstream}${middle}${revision}`,
  );
/** Half of the pairs differ in one place only, where the order is hard. */
const pair = fc.oneof(
  fc.tuple(version, version),
  fc
    .tuple(version, fc.constantFrom('~', '+', '0', '.0', '-0', 'a', '~~', '-1'))
    .map(([base, end]) => [base, base + end] as const),
);

describe('versions are ordered as dpkg orders them', () => {
  it.skipIf(spawnSync('dpkg', ['--version']).status !== 0)('on generated pairs (needs dpkg)', () => {
    fc.assert(
      fc.property(pair, ([left, right]) => {
        expect(Math.sign(compareVersions(left, right)), `${left} against ${right}`).toBe(asDpkg(left, right));
      }),
      { numRuns: 300, seed: 512 },
    );
  });

  it.each([
    ['1.0~rc1', '1.0', -1],
    ['1.0', '1.0-0', 0],
    ['1:0.1', '9.9', 1],
    ['3.0.17-1~deb12u2', '3.0.17-1~deb12u3', -1],
    ['2.36-9+deb12u9', '2.36-9+deb12u10', -1],
    ['1.0+b1', '1.0', 1],
    ['007', '7', 0],
  ])('%s against %s is %i', (left, right, order) => {
    expect(Math.sign(compareVersions(left, right))).toBe(order);
    expect(Math.sign(compareVersions(right, left))).toBe(order === 0 ? 0 : -order);
  });
});

describe('a range of versions', () => {
  it.each([
    ['1.24.0', '>= 1.24', true],
    ['1.22.1-9', '>= 1.24', false],
    ['2', '<< 2', false],
    ['2~rc1', '<< 2', true],
    ['1.0-0', '= 1.0', true],
    ['1.0-1', '= 1.0', false],
    ['1.25', '>= 1.24, << 1.26', true],
    ['1.26', '>= 1.24, << 1.26', false],
    ['2', '<= 2', true],
    ['2', '>> 2', false],
  ])('%s %s: %s', (version, range, expected) => {
    expect(satisfies(version, range)).toBe(expected);
  });

  it.each(['1.24', '> 1', '=> 1', '>= ', '', '>= 1,', '~> 2'])('"%s" is refused with an example', (range) => {
    expect(satisfies('1.0', range)).toBeNull();
    expect(rangeProblem(range)).toContain('write ">= 1.24"');
  });
});
