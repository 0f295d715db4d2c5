import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { labUp, type LabOptions } from '../../../fleets/lab/lab.ts';
import { installPackages, missingPackages, whyNoLab } from '../../../fleets/lab/requirements.ts';
import { labDown } from '../../../fleets/lab/teardown.ts';

/** How long tests over a whole stack in a lab may take, for `vi.setConfig`. */
export const wholeLabTimes = { testTimeout: 600_000, hookTimeout: 600_000 };

let made = 0;

/** Tests in a lab of their own, taken down afterwards. */
export function describeInLab(
  name: string,
  options: Pick<LabOptions, 'sites' | 'endpoints'>,
  tests: (directory: string) => void,
): void {
  describeWhereLabCanBe(name, () => {
    made += 1;
    const directory = join(tmpdir(), `patchcycle-lab-${process.pid}-${made}`);
    beforeAll(() => labUp({ directory, ...options }));
    afterAll(() => labDown(directory));
    tests(directory);
  });
}

/**
 * Tests that bring a lab up themselves. Where no lab can be made they are skipped and say why; in CI that is a failure,
 * and what is missing is installed.
 */
export function describeWhereLabCanBe(name: string, tests: () => void): void {
  const why = whyNoLab() ?? whyNotHere();
  if (why !== null && process.env['CI'] !== 'true') {
    console.warn(`Skipped "${name}": ${why}`);
    describe.skip(name, tests);
    return;
  }
  describe(name, () => {
    beforeAll(async () => {
      if (why !== null) await installPackages(missingPackages());
    });
    tests();
  });
}

function whyNotHere(): string | null {
  const missing = missingPackages();
  return missing.length === 0
    ? null
    : `Debian packages are missing: ${missing.join(', ')}. "npm run lab -- up" installs them.`;
}
