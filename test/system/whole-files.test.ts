import fs, { chmodSync, existsSync, fstatSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { copyFile, open, readFile, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  makeFolderDurably,
  makeWhole,
  writeFiles,
  writeOnce,
  writeWhole,
  writeWholeSync,
} from '../../system/whole-files.ts';
import { temporaryFolder } from '../setup/folder.ts';

/** Each way of writing a file whole, over one that is there. */
const ways = [
  { way: 'waiting', write: writeWhole },
  { way: 'at once', write: async (file: string, text: string) => writeWholeSync(file, text) },
  {
    way: 'by another program',
    write: (file: string, text: string) => makeWhole(file, (unfinished) => writeFile(unfinished, text)),
  },
] as const;

type FileHandle = Awaited<ReturnType<typeof open>>;
let handles: FileHandle;

beforeAll(async () => {
  const any = await open(import.meta.filename);
  handles = Object.getPrototypeOf(any) as FileHandle;
  await any.close();
});

/** What is synced from now on, in order: the folder, or a file with whether it was in place at that moment. */
function watchSyncs(folder: string, file: string): readonly string[] {
  const seen: string[] = [];
  const note = (descriptor: number) => {
    const synced = fstatSync(descriptor);
    const isFolder = synced.ino === statSync(folder).ino;
    const isInPlace = existsSync(file) && statSync(file).ino === synced.ino;
    seen.push(isFolder ? `folder with ${readFileSync(file, 'utf8')}` : `file ${isInPlace ? 'in place' : 'beside'}`);
  };
  const sync: unknown = Reflect.get(handles, 'sync');
  if (typeof sync !== 'function') throw new Error('An open file has no sync.');
  const waiting = vi.spyOn(handles, 'sync').mockImplementation(async function (this: FileHandle) {
    note(this.fd);
    await Reflect.apply(sync, this, []);
  });
  const { fsyncSync } = fs;
  const atOnce = vi.spyOn(fs, 'fsyncSync').mockImplementation((descriptor) => {
    note(descriptor);
    fsyncSync(descriptor);
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    waiting.mockRestore();
    atOnce.mockRestore();
    syncBuiltinESMExports();
  });
  return seen;
}

describe.each(ways)('a file written whole, $way,', ({ write }) => {
  it('is on the disk before it is in place, and its folder after', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'ledger.json');
    await write(file, 'old');
    const syncs = watchSyncs(folder, file);
    await write(file, 'new');
    expect(syncs).toEqual(['file beside', 'folder with new']);
  });

  it('is never seen as half of it, nor mixed, while many write it', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'report.html');
    const texts = Array.from({ length: 12 }, (_, at) => String(at).padStart(4, '0').repeat(50_000));
    await write(file, texts[0] ?? '');
    const seen = new Set<string>();
    const writing = { ended: false };
    const look = async () => {
      while (!writing.ended) seen.add(await readFile(file, 'utf8'));
    };
    const looking = look();
    await Promise.all(texts.map((text) => write(file, text)));
    writing.ended = true;
    await looking;
    expect([...seen].filter((text) => !texts.includes(text)).map((text) => text.length)).toEqual([]);
    expect(texts).toContain(readFileSync(file, 'utf8'));
    expect(readdirSync(folder)).toEqual(['report.html']);
  });

  it('leaves the old and nothing beside it when it cannot be put in place', async () => {
    const folder = temporaryFolder();
    const taken = path.join(folder, 'taken');
    mkdirSync(path.join(taken, 'by a folder'), { recursive: true });
    await expect(write(taken, 'new')).rejects.toThrow('taken');
    expect(readdirSync(folder)).toEqual(['taken']);
    expect(readdirSync(taken)).toEqual(['by a folder']);
  });
});

it('a file whose making fails is as it was, with nothing beside it', async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'agent');
  await writeWhole(file, 'old');
  const failing = makeWhole(file, async (unfinished) => {
    await copyFile(file, unfinished);
    throw new Error('no room');
  });
  await expect(failing).rejects.toThrow('no room');
  expect(readdirSync(folder)).toEqual(['agent']);
  expect(readFileSync(file, 'utf8')).toBe('old');
});

it('a file is for its owner alone unless told otherwise, whatever the one before was', async () => {
  const file = path.join(temporaryFolder(), 'key.pem');
  await writeFile(file, 'old');
  chmodSync(file, 0o644);
  const modeOf = () => (statSync(file).mode & 0o777).toString(8);
  await writeWhole(file, 'new');
  expect(modeOf()).toBe('600');
  writeWholeSync(file, 'new', { mode: 0o640 });
  expect(modeOf()).toBe('640');
});

it('of many that write a file once, one counts, and every one of them finds it whole', async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'authority-key.pem');
  const keys = Array.from({ length: 8 }, (_, at) => `key ${at}`);
  const found = await Promise.all(
    keys.map(async (key) => {
      await writeOnce(file, key);
      return readFile(file, 'utf8');
    }),
  );
  expect(new Set(found).size).toBe(1);
  expect(keys).toContain(found[0]);
  expect(readdirSync(folder)).toEqual(['authority-key.pem']);
});

it('a file that need only outlive its writer costs no sync', () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'machine.json');
  const syncs = watchSyncs(folder, file);
  writeWholeSync(file, 'state', { synced: false });
  expect(syncs).toEqual([]);
  expect(readFileSync(file, 'utf8')).toBe('state');
});

it('files of a report are written below folders that are made for them', async () => {
  const folder = temporaryFolder();
  const paths = await writeFiles(folder, [{ name: 'acme/2026-11/report.html', content: '<p>' }]);
  expect(paths).toEqual([path.join(folder, 'acme/2026-11/report.html')]);
  expect(readFileSync(paths[0] ?? '', 'utf8')).toBe('<p>');
});

it('a folder is made for us alone, once', async () => {
  const folder = path.join(temporaryFolder(), 'operations');
  await makeFolderDurably(folder);
  await makeFolderDurably(folder);
  expect((statSync(folder).mode & 0o777).toString(8)).toBe('700');
});
