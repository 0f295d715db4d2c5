import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { findTemporalServer, temporalVersion } from '../../embedded/temporal-server.ts';
import { temporaryFolder } from '../setup/folder.ts';
import { writeProgram } from '../setup/program.ts';

const saysVersion = (version: string) => `echo "temporal version ${version} (Server 1.32.0, UI 2.54.1)"`;

test('a configured program is taken before any other, and named', async () => {
  const folder = temporaryFolder();
  const configured = writeProgram(folder, 'my-temporal', saysVersion('1.2.3'));
  writeProgram(path.join(folder, 'bin'), 'temporal', saysVersion('9.9.9'));
  const search = { configured, searchPath: path.join(folder, 'bin'), cacheDirectory: path.join(folder, 'cache') };
  expect(await findTemporalServer(search)).toEqual({
    program: configured,
    version: '1.2.3',
    foundBy: 'the configuration',
  });
});

test('a configured program that does not run is an error, not a reason to look elsewhere', async () => {
  const folder = temporaryFolder();
  writeProgram(path.join(folder, 'bin'), 'temporal', saysVersion('9.9.9'));
  const search = { configured: '/nowhere/temporal', searchPath: path.join(folder, 'bin'), cacheDirectory: folder };
  await expect(findTemporalServer(search)).rejects.toThrow('/nowhere/temporal does not run');
});

test('of those on PATH the first that is new enough is taken', async () => {
  const folder = temporaryFolder();
  writeProgram(path.join(folder, 'old'), 'temporal', saysVersion('1.8.2'));
  writeProgram(path.join(folder, 'broken'), 'temporal', 'exit 1');
  const wanted = writeProgram(path.join(folder, 'new'), 'temporal', saysVersion('1.10.0'));
  const searchPath = ['old', 'broken', 'new'].map((name) => path.join(folder, name)).join(path.delimiter);
  expect(await findTemporalServer({ searchPath, cacheDirectory: folder })).toEqual({
    program: wanted,
    version: '1.10.0',
    foundBy: 'PATH',
  });
});

test('what was fetched before is used when PATH has none', async () => {
  const cacheDirectory = temporaryFolder();
  const kept = writeProgram(path.join(cacheDirectory, `temporal-${temporalVersion}`), 'temporal', saysVersion('1.9.1'));
  expect(await findTemporalServer({ searchPath: '', cacheDirectory })).toEqual({
    program: kept,
    version: '1.9.1',
    foundBy: 'an earlier download',
  });
});

test('an empty folder name in PATH is not taken for the working directory', async () => {
  const cacheDirectory = temporaryFolder();
  mkdirSync(path.join(cacheDirectory, 'bin'));
  writeProgram(path.join(cacheDirectory, `temporal-${temporalVersion}`), 'temporal', saysVersion('1.9.1'));
  const found = await findTemporalServer({ searchPath: `${path.delimiter}${path.delimiter}`, cacheDirectory });
  expect(found.foundBy).toBe('an earlier download');
});
