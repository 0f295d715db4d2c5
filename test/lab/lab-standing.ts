import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { labUp, type LabOptions } from '../../tools/lab/lab.ts';
import { installPackages, missingPackages, whyNoLab } from '../../tools/lab/requirements.ts';
import { labDown } from '../../tools/lab/teardown.ts';

/**
 * Tests in a lab of their own, taken down afterwards. Where no lab can be made they are skipped and say why; in CI that
 * is a failure, and what is missing is installed.
 */
export function describeInLab(
  name: string,
  options: Pick<LabOptions, 'sites' | 'endpoints'>,
  tests: (directory: string) => void,
): void {
  const why = whyNoLab() ?? whyNotHere();
  if (why !== null && process.env['CI'] !== 'true') {
    console.warn(`Skipped "${name}": ${why}`);
    describe.skip(name, () => tests(''));
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'patchcycle-lab-'));
  describe(name, () => {
    beforeAll(async () => {
      if (why !== null) await installPackages(missingPackages());
      await labUp({ directory, ...options });
    });
    afterAll(() => labDown(directory));
    tests(directory);
  });
}

function whyNotHere(): string | null {
  const missing = missingPackages();
  return missing.length === 0
    ? null
    : `Debian packages are missing: ${missing.join(', ')}. "npm run lab -- up" installs them.`;
}
