import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kevFiles, readKev, supportFiles } from '../../../activities/adapters/feeds/files.ts';
import { kevCatalogueSchema } from '../../../activities/schemas/kev.ts';
import type { KevCatalogue } from '../../../activities/schemas/kev.ts';
import { FeedUnreadable } from '../../../activities/ports/feeds.ts';

const data = fileURLToPath(new URL('../../../data', import.meta.url));
const kevPath = join(data, 'kev/known_exploited_vulnerabilities.json');
const plantedPath = fileURLToPath(new URL('fixtures/planted-kev.json', import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'patchcycle-feeds-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function fileWith(text: string): Promise<string> {
  const path = join(folder, 'feed.json');
  await writeFile(path, text);
  return path;
}

async function kevWith(change: (catalogue: KevCatalogue) => void): Promise<string> {
  const catalogue = kevCatalogueSchema.parse(JSON.parse(await readFile(kevPath, 'utf8')));
  change(catalogue);
  return fileWith(JSON.stringify(catalogue));
}

describe('the catalogue of known exploited vulnerabilities', () => {
  test("CISA's whole catalogue is read", async () => {
    const entries = await readKev([kevPath]);
    expect(entries.size).toBe(1404);
    expect(entries.get('CVE-2025-48384')).toEqual({
      cve: 'CVE-2025-48384',
      name: 'Git Link Following Vulnerability',
      addedAt: '2025-08-25T00:00:00.000Z',
      dueAt: '2025-09-15T23:59:59.999Z',
      requiredAction: expect.stringContaining('Apply mitigations'),
      usedByRansomware: false,
      source: 'CISA Catalog of Known Exploited Vulnerabilities 2025.08.25',
      plantedBy: null,
    });
  });

  test('a planted entry is there, beside the catalogue, and says so', async () => {
    const entries = await kevFiles([kevPath, plantedPath]).catalogue();
    expect(entries.size).toBe(1405);
    expect(entries.get('CVE-2026-84782')).toMatchObject({
      plantedBy: 'test/feeds, to see an emergency',
      source: 'planted-kev.json',
    });
    expect([...entries.values()].filter((entry) => entry.plantedBy !== null)).toHaveLength(1);
  });

  test('a missing file is one sentence that names it', async () => {
    const path = join(folder, 'nowhere.json');
    await expect(readKev([kevPath, path])).rejects.toThrow(
      new FeedUnreadable(
        `Feed ${path} is unreadable: the file: cannot be read (ENOENT); put it there or correct its permissions.`,
      ),
    );
  });

  test.each([
    ['a file cut short', '{"title": "x", "vulner', 'is not JSON'],
    ['an entry list that is none', '{"title":"x","catalogVersion":"1","vulnerabilities":{}}', '.vulnerabilities'],
    ['a page of an error', '<html>', 'is not JSON'],
  ])('%s is refused and its place named', async (_, text, words) => {
    const path = await fileWith(text);
    const refusal = readKev([path]);
    await expect(refusal).rejects.toBeInstanceOf(FeedUnreadable);
    await expect(refusal).rejects.toThrow(words);
  });

  test('one bad entry among many is refused by its number, and nothing is left out silently', async () => {
    const path = await kevWith((catalogue) => {
      catalogue.vulnerabilities[700]!.dueDate = 'soon';
    });
    await expect(readKev([path])).rejects.toThrow(`Feed ${path} is unreadable: .vulnerabilities[700].dueDate: Invalid`);
  });
});

describe('ends of support', () => {
  const feed = supportFiles(data);

  test.each([
    ['debian', '13', '2028-08-09', '2030-06-30'],
    ['debian', '12', '2026-07-11', '2028-06-30'],
    ['debian', '11', '2024-08-14', '2026-08-31'],
    ['ubuntu', '24.04', '2029-05-31', '2034-04-25'],
    ['ubuntu', '25.10', '2026-07-01', null],
  ])('%s %s ends on %s, extended on %s', async (osId, version, ends, extended) => {
    expect(await feed.supportEnd(osId, version)).toEqual({
      os: { id: osId, version },
      endsAt: `${ends}T23:59:59.999Z`,
      extendedEndsAt: extended === null ? null : `${extended}T23:59:59.999Z`,
      source: 'endoflife.date and distro-info-data',
    });
  });

  test.each([
    ['20', '2026-04-30'],
    ['22', '2027-04-30'],
    ['24', '2028-04-30'],
  ])('the release line %s of Node ends on %s', async (line, ends) => {
    expect(await feed.supportEnd('nodejs', line)).toMatchObject({ endsAt: `${ends}T23:59:59.999Z` });
  });

  test.each([
    ['debian', '99'],
    ['debian', ''],
    ['plan9', '4'],
    ['../kev/x', '1'],
    ['..', '1'],
  ])('%s %s is unknown, not supported', async (osId, version) => {
    expect(await feed.supportEnd(osId, version)).toMatchObject({ endsAt: null, extendedEndsAt: null });
  });

  test('a page without front matter is refused and named', async () => {
    await mkdir(join(folder, 'endoflife'), { recursive: true });
    await writeFile(join(folder, 'endoflife/debian.md'), '# Debian\n');
    await expect(supportFiles(folder).supportEnd('debian', '12')).rejects.toThrow(
      `Feed ${folder}/endoflife/debian.md is unreadable: line 1: must open with front matter`,
    );
  });

  test('a bad date in a table is refused by its line', async () => {
    await mkdir(join(folder, 'distro-info'), { recursive: true });
    await writeFile(
      join(folder, 'distro-info/arch.csv'),
      'version,codename,series,created,release,eol\n1,A,a,2020-01-01,2020-01-01,2022-13-01\n',
    );
    await expect(supportFiles(folder).supportEnd('arch', '1')).rejects.toThrow(
      /arch\.csv is unreadable: line 2, \.eol:/,
    );
  });
});
