/** A dry run is kept for as long as nothing has changed that it rests on, and answers for nothing else. */
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { knownPlan, packageState, rememberPlan } from '../../agent/debian/apt/known-plans.ts';

const openssl = { package: 'openssl', architecture: 'amd64', from: '3.0.20-1', to: '3.0.22-1', origins: ['Debian'] };
const tzdata = { package: 'tzdata', architecture: 'all', from: '2025b', to: '2026f', origins: [] };
const list = 'var/lib/apt/lists/debian_main_Packages';

let root: string;
const write = async (path: string, text: string) => {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
};

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'patchcycle-plans-'));
  await write('var/lib/dpkg/status', 'Package: openssl\nVersion: 3.0.20-1\n');
  await write('etc/apt/sources.list', 'deb http://mirror.example bookworm main\n');
  await write(list, 'Package: openssl\nVersion: 3.0.22-1\n');
  await rememberPlan(await packageState(root), [openssl, tzdata], root);
});
afterEach(() => rm(root, { recursive: true }));

const known = async (...patches: (typeof openssl | typeof tzdata)[]) =>
  knownPlan(await packageState(root), patches, root);

describe('a plan that was tried', () => {
  test('is known again, in whatever order its patches are named', async () => {
    expect(await known(tzdata, openssl)).toEqual([openssl, tzdata]);
  });

  test('is not known for a part of it, for more, or for another version', async () => {
    expect(await known(openssl)).toBeNull();
    expect(await known(openssl, tzdata, { ...tzdata, package: 'more' })).toBeNull();
    expect(await known(tzdata, { ...openssl, to: '3.0.23-1' })).toBeNull();
    expect(await known(tzdata, { ...openssl, architecture: 'i386' })).toBeNull();
  });

  const changes: readonly (readonly [string, () => Promise<void>])[] = [
    ['a package is installed', () => write('var/lib/dpkg/status', 'Package: openssl\nVersion: 3.0.21-1\n')],
    ['an architecture is added', () => write('var/lib/dpkg/arch', 'amd64\ni386\n')],
    ['a package is marked', () => write('var/lib/apt/extended_states', 'Package: openssl\nAuto-Installed: 1\n')],
    ['apt is told otherwise', () => write('etc/apt/preferences.d/pin', 'Package: openssl\nPin-Priority: -1\n')],
    ['a list is added', () => write('var/lib/apt/lists/other_Packages', '')],
    ['a list is taken away', () => rm(join(root, list))],
    [
      'a list is replaced by one of the same size and time',
      async () => {
        const at = new Date('2026-11-22T00:00:00Z');
        await write(`${list}.new`, 'Package: openssl\nVersion: 3.0.23-1\n');
        await utimes(join(root, `${list}.new`), at, at);
        await rename(join(root, `${list}.new`), join(root, list));
      },
    ],
  ];
  test.each(changes)('is not known any more once %s', async (_what, change) => {
    await change();
    expect(await known(openssl, tzdata)).toBeNull();
  });

  test('is not kept when something changed while it was tried', async () => {
    const before = await packageState(root);
    await write('var/lib/dpkg/status', 'Package: openssl\nVersion: 3.0.21-1\n');
    await rememberPlan(before, [openssl], root);
    expect(await known(openssl)).toBeNull();
    expect(await knownPlan(before, [openssl], root)).toBeNull();
  });

  test('is not known from a file that cannot be understood', async () => {
    await write('var/cache/patchcycle/known-plan.json', '{"installs": "all of them"}');
    expect(await known(openssl, tzdata)).toBeNull();
  });
});
