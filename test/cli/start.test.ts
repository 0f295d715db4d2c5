/** How the command starts: from a bundle that is never older than its sources, and with no more than it needs. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../setup/folder.ts';

const project = join(import.meta.dirname, '../..');

/** What a program was told of its sources, by the copy of programs/bundle.mjs in its project. */
async function digestIn(folder: string): Promise<string> {
  const { digestFor } = await import(pathToFileURL(join(folder, 'programs/bundle.mjs')).href);
  return digestFor('cli/main.ts');
}

/** A project like ours, whose command says the word of a source and what lies beside that. */
function smallProject() {
  const folder = temporaryFolder();
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  for (const name of ['cli', 'domain', 'tools', 'node_modules']) mkdirSync(join(folder, name));
  for (const name of ['cli/patchcycle.js', 'programs/bundle.mjs', 'package.json', 'package-lock.json', 'tsconfig.json'])
    cpSync(join(project, name), join(folder, name));
  for (const name of ['node_modules/esbuild', 'node_modules/tsx']) symlinkSync(join(project, name), join(folder, name));
  write('domain/beside.txt', 'and what lies beside it');
  write(
    'domain/word.ts',
    `import { readFileSync } from 'node:fs';
    export const word: string = 'first';
    export const beside = readFileSync(new URL('beside.txt', import.meta.url), 'utf8');`,
  );
  write('cli/main.ts', `const { word, beside } = await import('../domain/word.ts'); console.log(word, beside);`);
  return {
    folder,
    source: join(folder, 'domain/word.ts'),
    bundles: join(folder, 'node_modules/.cache/patchcycle'),
    command: () => said(join(folder, 'cli/patchcycle.js')),
  };
}

async function said(...argv: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, argv);
  return stdout.trim();
}

test('a worker whose sources differ by a byte has another digest, and the old one when they are put back', async () => {
  const { folder, source } = smallProject();
  const before = await digestIn(folder);
  const text = readFileSync(source, 'utf8');
  writeFileSync(source, text.replace('first', 'later'));
  expect(await digestIn(folder)).not.toBe(before);
  writeFileSync(source, text);
  expect(await digestIn(folder)).toBe(before);
});

test('the command does what its sources say, and does so at once after one of them was changed', async () => {
  const { source, command, bundles } = smallProject();
  expect(await command()).toBe('first and what lies beside it');
  const { atime, mtime } = statSync(source);
  const text = readFileSync(source, 'utf8');
  writeFileSync(source, text.replace('first', 'later'));
  utimesSync(source, atime, mtime);
  expect(await command()).toBe('later and what lies beside it');
  writeFileSync(source, text);
  expect(await command()).toBe('first and what lies beside it');
  expect(readdirSync(bundles)).toHaveLength(2);
});

test('commands that start together share one bundle and leave nothing unfinished', async () => {
  const { command, bundles } = smallProject();
  const words = await Promise.all([command(), command(), command(), command()]);
  expect(new Set(words)).toEqual(new Set(['first and what lies beside it']));
  expect(readdirSync(bundles)).toHaveLength(1);
});

test('a bundle that was made long ago goes when a new one is made', async () => {
  const { command, bundles } = smallProject();
  mkdirSync(join(bundles, 'of-last-month'), { recursive: true });
  mkdirSync(join(bundles, 'of-today'));
  utimesSync(join(bundles, 'of-last-month'), 0, 0);
  await command();
  expect(readdirSync(bundles)).toHaveLength(2);
  expect(readdirSync(bundles)).toContain('of-today');
});

test('where nothing may be written beside the packages the command runs from its sources', async () => {
  const { command, bundles } = smallProject();
  writeFileSync(join(bundles, '../..', '.cache'), 'not a folder');
  expect(await command()).toBe('first and what lies beside it');
});

test('to say how it is used the command loads neither Temporal nor a database', async () => {
  const tell = join(temporaryFolder(), 'tell.cjs');
  writeFileSync(tell, `process.on('exit', () => console.log(Object.keys(require.cache).join('\\n')))`);
  const lines = await said('--require', tell, join(project, 'cli/patchcycle.js'), 'cycle', 'halt', '--help');
  expect(lines).toContain('--why <reason>');
  expect(lines).toContain('/node_modules/commander/');
  expect(lines).not.toMatch(/\/node_modules\/(@temporalio|@prisma|pg|tsx)\//);
});
