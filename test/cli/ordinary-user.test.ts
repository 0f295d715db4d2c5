import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { exitCodeOf, sentenceOf } from '../../cli/exit.ts';
import { layoutOf } from '../../fleets/lab/layout.ts';
import { labDown } from '../../fleets/lab/teardown.ts';
import { temporaryFolder } from '../setup/folder.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

test('where there is no lab an ordinary user has nothing to take down', async () => {
  vi.spyOn(process, 'getuid').mockReturnValue(1000);
  await expect(labDown(join(temporaryFolder(), 'lab'))).resolves.toBeUndefined();
});

test('a lab that root made is left to root', async () => {
  vi.spyOn(process, 'getuid').mockReturnValue(1000);
  const { directory, stateFile } = layoutOf(join(temporaryFolder(), 'lab'));
  mkdirSync(dirname(stateFile), { recursive: true });
  writeFileSync(stateFile, '{}');
  await expect(labDown(directory)).rejects.toThrow(`Root made the lab in ${directory}: take it down as root.`);
});

test('what another user made is named, with a way out', () => {
  const refused = Object.assign(new Error("EACCES: permission denied, open '/srv/x'"), {
    code: 'EACCES',
    path: '/srv/x',
  });
  const error = new Error('The state cannot be read.', { cause: refused });
  expect(sentenceOf(error)).toMatch(
    /^\/srv\/x is closed to \S+ \(EACCES\): another user made it\. Run the command as that user, or keep the state elsewhere with --state DIR\.$/,
  );
  expect(exitCodeOf(error)).toBe(1);
});
