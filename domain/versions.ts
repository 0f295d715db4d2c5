/** Which versions a rule means. The order of versions is dpkg's. */
import { compareVersions } from './debian-version.ts';

const relations: Readonly<Record<string, (comparison: number) => boolean>> = {
  '<<': (comparison) => comparison < 0,
  '<=': (comparison) => comparison <= 0,
  '=': (comparison) => comparison === 0,
  '>=': (comparison) => comparison >= 0,
  '>>': (comparison) => comparison > 0,
};

/** Why a range cannot be used, in one sentence; null when it can. */
export function rangeProblem(range: string): string | null {
  const parts = range.split(',').map((part) => part.trim());
  const wrong = parts.find((part) => !/^(<<|<=|=|>=|>>)\s*[0-9][A-Za-z0-9.+:~-]*$/.test(part));
  if (wrong === undefined) return null;
  return `"${wrong}" is not a range of versions; write ">= 1.24", "<< 2", "= 1.0", or several with commas: ">= 1.24, << 2"`;
}

/**
 * Whether a version lies in a range, written with Debian's relations (Debian Policy §7.1): `>= 1.24`, `<< 2`, `= 1.0`,
 * or several that must all hold: `>= 1.24, << 2`.
 * @returns null for a range that cannot be read, so that each caller chooses what careful means for it
 */
export function satisfies(version: string, range: string): boolean | null {
  if (rangeProblem(range) !== null) return null;
  return range.split(',').every((part) => {
    const [, relation = '', wanted = ''] = /^(<<|<=|=|>=|>>)\s*(.*)$/.exec(part.trim()) ?? [];
    return relations[relation]?.(compareVersions(version, wanted)) ?? false;
  });
}
